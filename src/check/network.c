/* By what the ranks reach each other: the memory of a host, and the networks between hosts. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cgroup.h"
#include "base/text.h"
#include "check/facts.h"
#include "comm/launch.h"

/* -- of this host */

static int bits_of(uint32_t mask)
{
    int bits = 0;
    for (; mask & UINT32_C(0x80000000); mask <<= 1)
        bits++;
    return bits;
}

static void add_interface(struct ls_interfaces *found, const struct ifaddrs *entry)
{
    struct sockaddr_in address, mask;
    char path[64], speed[32];
    if (!entry->ifa_addr || !entry->ifa_netmask || entry->ifa_addr->sa_family != AF_INET ||
        !(entry->ifa_flags & IFF_UP) || (entry->ifa_flags & IFF_LOOPBACK) ||
        found->count == LS_INTERFACES_MAX)
        return;
    memcpy(&address, entry->ifa_addr, sizeof address);
    memcpy(&mask, entry->ifa_netmask, sizeof mask);
    struct ls_interface *made = &found->of[found->count++];
    snprintf(made->name, sizeof made->name, "%s", entry->ifa_name);
    snprintf(path, sizeof path, "/sys/class/net/%.15s/speed", entry->ifa_name);
    ls_kernel_file_read(speed, sizeof speed, path);
    int megabits = (int)strtol(speed, NULL, 10);
    made->speed = megabits > 0 ? megabits : 0;
    made->address = ntohl(address.sin_addr.s_addr);
    made->prefix = bits_of(ntohl(mask.sin_addr.s_addr));
}

static void find_interfaces(struct ls_interfaces *found)
{
    struct ifaddrs *all;
    memset(found, 0, sizeof *found);
    if (getifaddrs(&all) != 0)
        return;
    for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next)
        add_interface(found, entry);
    freeifaddrs(all);
}

/* -- between hosts, on rank 0 */

/* "eth0 10.0.0.0/24 at 10000 Mbit/s": subnets, not addresses, so that hosts say the same. */
static void describe(struct ls_host_line *line, const struct ls_interfaces *host)
{
    size_t length = 0;
    char subnet[LS_SUBNET_TEXT], speed[32];
    for (size_t i = 0; i < host->count && length < sizeof line->text; i++) {
        const struct ls_interface *interface = &host->of[i];
        snprintf(speed, sizeof speed, interface->speed ? " at %d Mbit/s" : "", interface->speed);
        length += (size_t)snprintf(line->text + length, sizeof line->text - length, "%s%s %s%s",
                                   i ? ", " : "", interface->name,
                                   ls_subnet_format(subnet, interface), speed);
    }
    if (host->count == 0)
        snprintf(line->text, sizeof line->text, "no interface is up");
}

/* Whether Open MPI would use an interface that does not join the hosts. */
static const struct ls_interface *find_confusing(const struct ls_network *network, size_t hosts)
{
    for (size_t host = 0; host < hosts; host++)
        for (size_t i = 0; i < network->hosts[host].count; i++) {
            const struct ls_interface *interface = &network->hosts[host].of[i];
            if (ls_interface_is_taken(interface, network->list, network->excluded) &&
                (ls_interface_is_virtual(interface->name) ||
                 !ls_subnet_joins(interface, network->hosts, hosts)))
                return interface;
        }
    return NULL;
}

/* The subnets that join the hosts, in *all; returns the fastest. */
static const struct ls_interface *find_best(const struct ls_network *network, size_t hosts,
                                            struct ls_text *all)
{
    const struct ls_interface *best = NULL;
    char subnet[LS_SUBNET_TEXT];
    for (size_t i = 0; i < network->hosts[0].count; i++) {
        const struct ls_interface *interface = &network->hosts[0].of[i];
        if (ls_interface_is_virtual(interface->name) ||
            !ls_interface_is_taken(interface, network->list, network->excluded) ||
            !ls_subnet_joins(interface, network->hosts, hosts))
            continue;
        ls_text_append(all, "%s%s", all->length ? ", " : "", ls_subnet_format(subnet, interface));
        if (!best || interface->speed > best->speed)
            best = interface;
    }
    return best;
}

static void tell_joining(struct ls_checker *checker, const struct ls_network *network)
{
    char subnet[LS_SUBNET_TEXT];
    struct ls_text all = {0};
    const size_t hosts = (size_t)checker->nodes;
    const struct ls_interface *best = find_best(network, hosts, &all);
    const struct ls_interface *confusing = find_confusing(network, hosts);
    if (!best)
        ls_check_add(checker->check, LS_CHECK_WARNING, "network",
                     "no subnet is the same on all hosts%s: TCP between them goes over routers, or "
                     "not at all",
                     network->list ? ", of those that Open MPI is told to take" : "");
    else
        ls_check_add(checker->check, LS_CHECK_OK, "network", "all hosts are in %s", all.data);
    if (best && confusing)
        ls_check_add(checker->check, LS_CHECK_WARNING, "network",
                     "Open MPI would try %s too, which does not join the hosts: mpirun --mca "
                     "btl_tcp_if_include %s --mca oob_tcp_if_include %s",
                     confusing->name, ls_subnet_format(subnet, best), subnet);
    ls_text_release(&all);
}

ls_status ls_network_tell(struct ls_checker *checker, const struct ls_network *network)
{
    struct ls_host_line *line = NULL;
    LS_TRY(ls_allocate(&line, (size_t)checker->nodes, sizeof *line));
    for (int node = 0; node < checker->nodes; node++)
        describe(&line[node], &network->hosts[node]);
    ls_hosts_tell(checker, "network", line);
    tell_joining(checker, network);
    ls_release(line);
    return LS_OK;
}

static ls_status tell(struct ls_checker *checker, const struct ls_interfaces *by_rank)
{
    struct ls_network network = {0};
    LS_TRY(ls_allocate(&network.hosts, (size_t)checker->nodes, sizeof *network.hosts));
    network.list = ls_launch_tcp_interfaces(&network.excluded);
    for (int node = 0; node < checker->nodes; node++)
        network.hosts[node] = by_rank[checker->first_of[node]];
    ls_status status = ls_network_tell(checker, &network);
    ls_release(network.hosts);
    return status;
}

ls_status ls_check_network(struct ls_checker *checker)
{
    struct ls_interfaces mine, *all = NULL;
    if (checker->nodes == 1)
        return LS_OK;
    find_interfaces(&mine);
    LS_TRY(ls_checker_gather(checker, &all, &mine, sizeof mine));
    ls_status status = ls_checker_writes(checker) ? tell(checker, all) : LS_OK;
    ls_release(all);
    return ls_comm_agree(checker->comm, status);
}
