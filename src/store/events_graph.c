/* The model for the Graphs tab. */
#include "base/memory.h"
#include "store/events.h"
#include "store/protobuf.h"

/* Fields of GraphDef, its NodeDef, of an entry of attr, AttrValue and its ListValue. */
enum { GRAPH_NODE = 1 };
enum { NODE_NAME = 1, NODE_OP = 2, NODE_INPUT = 3, NODE_ATTR = 5 };
enum { ENTRY_KEY = 1, ENTRY_VALUE = 2 };
enum { VALUE_LIST = 1, LIST_SHAPE = 7 };

enum { ANY_SIZE = -1 };

struct graph {
    const struct ls_model *model;
    size_t *nth;   /* by call: of its layer's, from 0 */
    size_t *calls; /* by layer: counted so far */
};

/* A layer's path; of its calls after the first with their number. */
static void append_name(struct ls_text *name, const struct graph *graph, struct ls_edge edge)
{
    const struct ls_graph_call *call = &graph->model->call[edge.call];
    ls_text_append(name, "%s", graph->model->layer[call->layer]->path);
    if (graph->nth[edge.call] > 0)
        ls_text_append(name, ".%zu", graph->nth[edge.call] + 1);
    if (edge.output > 0)
        ls_text_append(name, ":%zu", edge.output);
}

static void put_name(struct ls_text *node, unsigned field, const struct graph *graph,
                     struct ls_edge edge)
{
    struct ls_text name = {0};
    append_name(&name, graph, edge);
    ls_proto_message(node, field, &name); /* which a text is as well */
}

/* What TensorBoard writes at the edges. */
static void put_shapes(struct ls_text *node, const struct ls_graph_call *call)
{
    struct ls_text list = {0}, value = {0}, entry = {0};
    for (size_t o = 0; o < call->shapes.outputs; o++) {
        const struct ls_shape *shape = &call->shapes.out[o];
        int64_t size[LS_RANK_MAX + 1] = {ANY_SIZE};
        struct ls_text made = {0};
        for (int d = 0; d < shape->rank; d++)
            size[d + 1] = shape->size[d];
        ls_event_shape(&made, size, shape->rank + 1);
        ls_proto_message(&list, LIST_SHAPE, &made);
    }
    ls_proto_message(&value, VALUE_LIST, &list);
    ls_proto_text(&entry, ENTRY_KEY, "_output_shapes");
    ls_proto_message(&entry, ENTRY_VALUE, &value);
    ls_proto_message(node, NODE_ATTR, &entry);
}

static void put_node(struct ls_text *def, const struct graph *graph, size_t index)
{
    const struct ls_graph_call *call = &graph->model->call[index];
    struct ls_text node = {0};
    put_name(&node, NODE_NAME, graph, (struct ls_edge){index, 0});
    ls_proto_text(&node, NODE_OP, graph->model->layer[call->layer]->kind->kind.name);
    for (size_t i = 0; i + call->shapes.masks < call->shapes.inputs; i++)
        put_name(&node, NODE_INPUT, graph, call->in[i]);
    put_shapes(&node, call);
    ls_proto_message(def, GRAPH_NODE, &node);
}

/* Calls of hidden layers, which compute masks, are no nodes. */
static ls_status add_graph(struct ls_events *events, struct graph *graph)
{
    const struct ls_model *model = graph->model;
    struct ls_text def = {0};
    LS_TRY(ls_allocate(&graph->nth, model->calls, sizeof *graph->nth));
    LS_TRY(ls_allocate(&graph->calls, model->layers, sizeof *graph->calls));
    for (size_t c = 0; c < model->calls; c++) {
        graph->nth[c] = graph->calls[model->call[c].layer]++;
        if (model->call[c].layer < model->layers - model->hidden)
            put_node(&def, graph, c);
    }
    ls_events_add(events, 0, LS_EVENT_GRAPH, &def);
    ls_text_release(&def);
    return LS_OK;
}

/* keras/src/callbacks/tensorboard.py, keras_model_summary. */
static ls_status add_config(struct ls_events *events, const struct ls_model *model)
{
    struct ls_event_value value = {.tag = "keras", .plugin = "graph_keras_model", .content = "1"};
    struct ls_tree *config = NULL;
    struct ls_text json = {0};
    LS_TRY(ls_model_to_keras_nodes(model, &config));
    ls_tree_format_json(&json, config);
    ls_event_tensor(&value.tensor, LS_EVENT_STRING, NULL, 0);
    ls_proto_message(&value.tensor, LS_EVENT_TEXTS, &json);
    ls_events_value(events, 0, &value);
    ls_tree_free(config);
    return LS_OK;
}

ls_status ls_events_model(struct ls_events *events, const struct ls_model *model)
{
    struct graph graph = {.model = model};
    ls_status status = add_graph(events, &graph);
    ls_release(graph.nth);
    ls_release(graph.calls);
    return status == LS_OK ? add_config(events, model) : status;
}
