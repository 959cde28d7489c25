#include "check/subnets.h"

#include <stdio.h>
#include <string.h>

static uint32_t mask_of(int prefix)
{
    return prefix > 0 ? ~UINT32_C(0) << (32 - prefix) : 0;
}

const char *ls_subnet_format(char out[LS_SUBNET_TEXT], const struct ls_interface *interface)
{
    uint32_t net = interface->address & mask_of(interface->prefix);
    snprintf(out, LS_SUBNET_TEXT, "%u.%u.%u.%u/%d", net >> 24, net >> 16 & 255, net >> 8 & 255,
             net & 255, interface->prefix);
    return out;
}

bool ls_subnet_is_same(const struct ls_interface *a, const struct ls_interface *b)
{
    return a->prefix == b->prefix && ((a->address ^ b->address) & mask_of(a->prefix)) == 0;
}

bool ls_interface_is_virtual(const char *name)
{
    static const char *const beginnings[] = {"docker",  "virbr", "br-",   "veth",   "cni",
                                             "flannel", "lxc",   "lxdbr", "podman", "cali"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* "eth0", "10.0.0.0/8" */
static bool is_named(const struct ls_interface *interface, const char *entry, size_t length)
{
    char text[64];
    unsigned byte[4];
    struct ls_interface net = {0};
    snprintf(text, sizeof text, "%.*s", (int)length, entry);
    if (strcmp(text, interface->name) == 0)
        return true;
    if (sscanf(text, "%u.%u.%u.%u/%d", &byte[0], &byte[1], &byte[2], &byte[3], &net.prefix) != 5 ||
        net.prefix < 0 || net.prefix > 32)
        return false;
    net.address = byte[0] << 24 | byte[1] << 16 | byte[2] << 8 | byte[3];
    return ((net.address ^ interface->address) & mask_of(net.prefix)) == 0;
}

bool ls_interface_is_taken(const struct ls_interface *interface, const char *list, bool excluded)
{
    bool named = false;
    if (!list)
        return true;
    while (*list) {
        size_t length = strcspn(list, ",");
        named |= is_named(interface, list, length);
        list += length;
        list += *list == ',';
    }
    return named != excluded;
}

bool ls_subnet_joins(const struct ls_interface *interface, const struct ls_interfaces *hosts,
                     size_t count)
{
    for (size_t host = 0; host < count; host++) {
        bool found = false;
        for (size_t i = 0; i < hosts[host].count; i++) {
            const struct ls_interface *other = &hosts[host].of[i];
            if (!ls_subnet_is_same(other, interface))
                continue;
            if (other != interface && other->address == interface->address)
                return false;
            found = true;
        }
        if (!found)
            return false;
    }
    return true;
}
