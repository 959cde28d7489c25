/* Networks that hosts have in common, told from the addresses of their interfaces. */
#ifndef CHECK_SUBNETS_H
#define CHECK_SUBNETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LS_INTERFACES_MAX = 12, LS_INTERFACE_NAME = 16, LS_SUBNET_TEXT = 20 };

/* An interface that is up and has an address (IPv4), not the host's own loop. */
struct ls_interface {
    char name[LS_INTERFACE_NAME];
    uint32_t address; /* in the host's byte order */
    int prefix;       /* bits of the subnet */
    int speed;        /* Mbit/s; 0: not known */
};
struct ls_interfaces { /* of a host */
    struct ls_interface of[LS_INTERFACES_MAX];
    size_t count;
};

/* "10.0.0.0/24". Returns out. */
const char *ls_subnet_format(char out[LS_SUBNET_TEXT], const struct ls_interface *interface);

/* Whether two interfaces are of the same subnet. */
bool ls_subnet_is_same(const struct ls_interface *a, const struct ls_interface *b);

/* Made by the name of a bridge of containers or virtual machines, which ends at the host. */
bool ls_interface_is_virtual(const char *name);

/* Whether Open MPI takes it: `list` is the value of btl_tcp_if_include or, excluded, of
 * btl_tcp_if_exclude: names and subnets, parted by commas; NULL: takes all. */
bool ls_interface_is_taken(const struct ls_interface *interface, const char *list, bool excluded);

/* Whether every host has an interface in this one's subnet, each with another address: a network
 * that joins them. hosts[count]. */
bool ls_subnet_joins(const struct ls_interface *interface, const struct ls_interfaces *hosts,
                     size_t count);

#endif
