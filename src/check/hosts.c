#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "check/check.h"

ls_status ls_checker_gather(struct ls_checker *checker, void *all, const void *mine, size_t bytes)
{
    struct ls_comm *comm = checker->comm;
    size_t size = (size_t)ls_comm_size(comm), *lengths = NULL;
    char *gathered = NULL;
    ls_status status = ls_allocate(&lengths, size, sizeof *lengths);
    if (status == LS_OK && ls_checker_writes(checker))
        status = ls_allocate(&gathered, size, bytes);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    for (size_t rank = 0; rank < size; rank++)
        lengths[rank] = bytes;
    ls_comm_gather_pieces(comm, gathered, mine, lengths);
    memcpy(all, &gathered, sizeof gathered);
out:
    ls_release(lengths);
    if (status != LS_OK)
        ls_release(gathered);
    return status;
}

const char *ls_hosts_name(const struct ls_checker *checker, int node)
{
    return checker->host_of[checker->first_of[node]];
}

static bool is_same(const struct ls_host_line *a, const struct ls_host_line *b)
{
    return a->level == b->level && strcmp(a->text, b->text) == 0;
}

/* "host a, b, c and 5 more: " of those that say what `first` says; nothing where there is one host
 * alone, "each of 8 hosts: " where all do. Returns how many do. */
static int append_names(struct ls_text *text, const struct ls_checker *checker,
                        const struct ls_host_line *line, int first)
{
    enum { SHOWN = 4 };
    int count = 0;
    for (int node = 0; node < checker->nodes; node++)
        count += is_same(&line[node], &line[first]);
    if (checker->nodes == 1)
        return count;
    if (count == checker->nodes) {
        ls_text_append(text, "each of %d hosts: ", count);
        return count;
    }
    ls_text_append(text, count == 1 ? "host" : "hosts");
    for (int node = first, shown = 0; node < checker->nodes && shown < SHOWN; node++)
        if (is_same(&line[node], &line[first]))
            ls_text_append(text, "%s%s", shown++ ? ", " : " ", ls_hosts_name(checker, node));
    if (count > SHOWN)
        ls_text_append(text, " and %d more", count - SHOWN);
    ls_text_append(text, ": ");
    return count;
}

void ls_hosts_tell(struct ls_checker *checker, const char *topic, const struct ls_host_line *line)
{
    for (int node = 0; node < checker->nodes; node++) {
        struct ls_text names = {0};
        bool told = !*line[node].text;
        for (int before = 0; before < node; before++)
            told |= is_same(&line[before], &line[node]);
        if (told)
            continue;
        append_names(&names, checker, line, node);
        ls_check_add(checker->check, line[node].level, topic, "%s%s", names.data ? names.data : "",
                     line[node].text);
        ls_text_release(&names);
    }
}

const char *ls_ranks_format(char out[LS_RANKS_TEXT], const bool *which, int size)
{
    enum { REST = sizeof ", ..." };
    size_t length = 0;
    int count = 0;
    for (int rank = 0; rank < size; rank++)
        count += which[rank];
    length = (size_t)snprintf(out, LS_RANKS_TEXT, count == 1 ? "rank" : "ranks");
    for (int first = 0, shown = 0; first < size; first++) {
        int last = first;
        char range[32];
        if (!which[first])
            continue;
        while (last + 1 < size && which[last + 1])
            last++;
        snprintf(range, sizeof range, last > first ? "%s %d-%d" : "%s %d", shown++ ? "," : "",
                 first, last);
        bool fits = length + strlen(range) + REST <= LS_RANKS_TEXT;
        length +=
            (size_t)snprintf(out + length, LS_RANKS_TEXT - length, "%s", fits ? range : ", ...");
        if (!fits)
            break;
        first = last;
    }
    return out;
}
