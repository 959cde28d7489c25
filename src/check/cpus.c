#include "check/cpus.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse_number(const char **at, long *number)
{
    char *end;
    if (!isdigit((unsigned char)**at))
        return false;
    *number = strtol(*at, &end, 10);
    *at = end;
    return true;
}

static bool parse_range(const char **at, cpu_set_t *cpus)
{
    long first, last;
    if (!parse_number(at, &first))
        return false;
    last = first;
    if (**at == '-' && (++*at, !parse_number(at, &last)))
        return false;
    for (long cpu = first; cpu <= last && cpu < CPU_SETSIZE; cpu++)
        CPU_SET((size_t)cpu, cpus);
    return last >= first;
}

bool ls_cpus_parse(cpu_set_t *cpus, const char *text)
{
    bool good = true;
    CPU_ZERO(cpus);
    while (good && *text && *text != '\n') {
        good = parse_range(&text, cpus) && (*text == ',' || *text == '\n' || *text == '\0');
        text += *text == ',';
    }
    if (!good)
        CPU_ZERO(cpus);
    return good;
}

const char *ls_cpus_format(char out[LS_CPUS_TEXT], const cpu_set_t *cpus)
{
    enum { REST = sizeof ",..." };
    size_t length = 0;
    out[0] = '\0';
    for (size_t first = 0; first < CPU_SETSIZE; first++) {
        size_t last = first;
        char range[LS_CPUS_TEXT];
        if (!CPU_ISSET(first, cpus))
            continue;
        while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cpus))
            last++;
        snprintf(range, sizeof range, last > first ? "%s%zu-%zu" : "%s%zu", length ? "," : "",
                 first, last);
        bool fits = length + strlen(range) + REST <= LS_CPUS_TEXT;
        length +=
            (size_t)snprintf(out + length, LS_CPUS_TEXT - length, "%s", fits ? range : ",...");
        if (!fits)
            break;
        first = last;
    }
    return out;
}

double ls_cpus_quota(const char *text)
{
    double time, period;
    if (sscanf(text, "%lf %lf", &time, &period) != 2 || period <= 0)
        return 0;
    return time / period;
}
