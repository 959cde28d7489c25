/* A network as a user writes it: "25Gbit,5us". */
#include <math.h>
#include <string.h>

#include "base/number.h"
#include "train/cost.h"

/* A latency is some five times the time that a message keeps a processor busy: the ratio of what
 * MPI's pingpong and message rate show for InfiniBand and RoCE (TCP: two to one). */
static const double LATENCY_OVERHEADS = 5;

struct unit {
    const char *name;
    double factor;
};
static const struct unit rates[] = {
    {"kbit", 1e3 / 8}, {"Mbit", 1e6 / 8}, {"Gbit", 1e9 / 8}, {"Tbit", 1e12 / 8}, {NULL, 0}};
static const struct unit times[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {NULL, 0}};

/* A positive number and a unit, up to a comma or the end; *text is left behind it. */
static bool quantity(double *value, const char **text, const struct unit *unit)
{
    enum { LONGEST = 32 };
    size_t length = strcspn(*text, ","), digits = strspn(*text, "0123456789.");
    char number[LONGEST];
    if (digits == 0 || digits >= sizeof number)
        return false;
    memcpy(number, *text, digits);
    number[digits] = '\0';
    if (ls_number_form(number) != LS_NUMBER_REAL || !ls_double_parse(number, value))
        return false;
    while (unit->name && (strlen(unit->name) != length - digits ||
                          strncmp(unit->name, *text + digits, length - digits) != 0))
        unit++;
    *value *= unit->factor;
    *text += length + ((*text)[length] == ',');
    return unit->name && *value > 0;
}

ls_status ls_cost_net_parse(struct ls_cost_net *net, const char *text)
{
    const char *at = text;
    bool good = quantity(&net->bytes_per_second, &at, rates) && quantity(&net->latency, &at, times);
    if (good && *at == '\0')
        net->overhead = net->latency / LATENCY_OVERHEADS;
    else
        good = good && quantity(&net->overhead, &at, times);
    if (!good || *at != '\0' || text[strlen(text) - 1] == ',')
        return ls_fail(LS_USAGE,
                       "'%s' is no network: give its bandwidth and latency, as in 25Gbit,5us, or "
                       "the overhead of a message too, as in 25Gbit,5us,1us",
                       text);
    return LS_OK;
}
