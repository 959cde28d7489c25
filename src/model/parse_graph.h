/* Reading Functional models of run files: shared by the parts of it. */
#ifndef MODEL_PARSE_GRAPH_H
#define MODEL_PARSE_GRAPH_H

#include "model/call.h"
#include "model/parse.h"

/* One entry of `inputs` or `layers`: a use of a part. */
struct ls_entry {
    const struct ls_tree *tree; /* for messages */
    const char *result;         /* what others call it; NULL: nobody can */
    const struct ls_tree *from, *apply, *call;
    bool input;
    struct ls_use use; /* whose inputs are {entry, output} */
    size_t next;       /* of its inputs: to be looked at, while it is ordered */
    enum { LS_ENTRY_NEW, LS_ENTRY_OPEN, LS_ENTRY_DONE } state;
    size_t number; /* of the use in the model, when done */
};

struct ls_graph_parser {
    struct ls_model *model;
    const struct ls_model_files *files;
    struct ls_entry *entry;
    size_t entries;
    struct ls_entry **named; /* those with a result that has a name, sorted by it */
    size_t names;
};

/* Makes the entries findable by the names of their results; LS_BAD_INPUT for one that is there
 * twice. */
ls_status ls_entries_name(struct ls_graph_parser *p);
/* The entry and the result that a text names. */
ls_status ls_entries_find(const struct ls_graph_parser *p, const struct ls_tree *tree,
                          struct ls_edge *edge);
/* `call: {training: false}`: the arguments of an entry's call, whose part and inputs `from` others
 * are known. */
ls_status ls_entry_parse_call(const struct ls_graph_parser *p, struct ls_entry *entry);
/* Adds the entries' uses to the model, each after those that it reads; LS_BAD_INPUT for a cycle. */
ls_status ls_entries_order(struct ls_graph_parser *p);

#endif
