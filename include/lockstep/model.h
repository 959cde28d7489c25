/* model.h: networks, built in C or read from files. Options are the run file's, as YAML text:
 * "units: 128, activation: relu". */
#ifndef LOCKSTEP_MODEL_H
#define LOCKSTEP_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "lockstep/comm.h"
#include "lockstep/data.h"
#include "lockstep/evaluation.h"
#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ls_model;

/* An empty Sequential model; name NULL: "sequential". The caller's, freed with ls_model_free. Not
 * collective, like all functions here that do not say so. */
LS_API ls_status ls_model_create(struct ls_model **model, const char *name);
LS_API void ls_model_free(struct ls_model *model);

/* Appends a layer: its Keras name, its options (NULL: none). The first is usually
 * "Input" with "shape: [28, 28]". LS_BAD_INPUT with the option in the message; the model is then as
 * before. */
LS_API ls_status ls_layer_add(struct ls_model *model, const char *kind, const char *options);

/* -- Functional models: layers applied to tensors
 *
 *     ls_model_create(&model, "net");
 *     ls_input(model, "shape: [100], name: left", &left);
 *     ls_input(model, "shape: [100], name: right", &right);
 *     ls_layer_apply(model, "Dense", "units: 32, name: encode", LS_TENSORS(left), &a);
 *     ls_layer_call(model, "encode", LS_TENSORS(right), &b);
 *     ls_layer_apply(model, "Concatenate", NULL, LS_TENSORS(a, b), &both);
 *     ls_model_output(model, both, NULL);
 *
 * A model that is begun with ls_input is Functional; its inputs are in the order of ls_input, its
 * outputs in that of ls_model_output. When a call fails the model is as before. */

/* A tensor of a model that is being made: a result of one call in it. */
struct ls_tensor {
    size_t call;
    size_t output; /* 0; of a layer with several results one may set another */
};
struct ls_tensors {
    const struct ls_tensor *tensor;
    size_t count;
};
#define LS_TENSORS(...)                                                                            \
    ((struct ls_tensors){(const struct ls_tensor[]){__VA_ARGS__},                                  \
                         sizeof((const struct ls_tensor[]){__VA_ARGS__}) /                         \
                             sizeof(struct ls_tensor)})

/* An input: "shape: [100], name: left". */
LS_API ls_status ls_input(struct ls_model *model, const char *options, struct ls_tensor *result);
/* A new layer on tensors; shapes are checked when the model is complete. */
LS_API ls_status ls_layer_apply(struct ls_model *model, const char *kind, const char *options,
                                struct ls_tensors inputs, struct ls_tensor *result);
/* The layer (or model) of this name again, with the weights that it has: a shared layer. */
LS_API ls_status ls_layer_call(struct ls_model *model, const char *name, struct ls_tensors inputs,
                               struct ls_tensor *result);
/* A model in a layer's place. When it succeeds `nested` belongs to `model`; the weights that it has
 * go with it. Its name is made free as names of layers are (tower, tower_1); ls_layer_call calls it
 * again by that name. LS_USAGE for a model that is a part of one already. */
LS_API ls_status ls_model_apply(struct ls_model *model, struct ls_model *nested,
                                struct ls_tensors inputs, struct ls_tensor *result);
/* -- calls with arguments besides tensors in order, as Keras' and as the run file's `call`
 *
 *     ls_layer_apply_with(model, "MultiHeadAttention", "num_heads: 2, key_dim: 8",
 *                         &(struct ls_arguments){
 *                             .inputs = LS_TENSORS(x, x),
 *                             .named = LS_NAMED({"attention_mask", LS_TENSORS(mask)}),
 *                             .options = "use_causal_mask: true"},
 *                         &y);
 *     ls_layer_apply_with(model, "LSTM", "units: 32",
 *                         &(struct ls_arguments){
 *                             .inputs = LS_TENSORS(x),
 *                             .named = LS_NAMED({"initial_state", LS_TENSORS(h, c)})},
 *                         &y);
 */

/* An argument that is a tensor ("attention_mask": one), or a list of them ("initial_state": one of
 * SimpleRNN and GRU, two of LSTM). */
struct ls_argument {
    const char *name;
    struct ls_tensors tensors;
};
#define LS_NAMED(...) ((const struct ls_argument[]){__VA_ARGS__, {NULL, {NULL, 0}}})

/* What a call is given. All of it stays the caller's and may go when the function has returned. */
struct ls_arguments {
    struct ls_tensors inputs;        /* in order; may be empty where `named` has some */
    const struct ls_argument *named; /* ends with a name that is NULL; or NULL */
    /* What is no tensor, as text: "training: false" of any layer or model (it is then called as in
     * prediction: Dropout does nothing, BatchNormalization takes its moving statistics), and what
     * the layer's call has ("use_causal_mask: true, return_attention_scores: true"). NULL: none. */
    const char *options;
};

/* ls_layer_apply, ls_layer_call and ls_model_apply with arguments. LS_BAD_INPUT for an argument
 * that the call does not have, and for a value that is none of its values, with the argument in the
 * message; LS_USAGE for one that is given twice, a tensor among the options, an option among the
 * tensors, a tensor of another model. Shapes, and that none is missing, are checked when the model
 * is complete. */
LS_API ls_status ls_layer_apply_with(struct ls_model *model, const char *kind, const char *options,
                                     const struct ls_arguments *arguments,
                                     struct ls_tensor *result);
LS_API ls_status ls_layer_call_with(struct ls_model *model, const char *name,
                                    const struct ls_arguments *arguments, struct ls_tensor *result);
LS_API ls_status ls_model_apply_with(struct ls_model *model, struct ls_model *nested,
                                     const struct ls_arguments *arguments,
                                     struct ls_tensor *result);

/* One more output. name NULL: its layer's. Targets, losses and metrics are named by it. */
LS_API ls_status ls_model_output(struct ls_model *model, struct ls_tensor tensor, const char *name);

/* A model from a file: a run file (.yaml; its `model` and `compile`, and its `weights`, else
 * untrained ones of its seed), Keras' JSON, a Keras .h5 or .keras, a checkpoint, or a run directory
 * (its newest checkpoint). */
LS_API ls_status ls_model_read(struct ls_model **model, const char *path);

/* "optimizer: {Adam: {learning_rate: 0.01}}, loss: mse, metrics: [mae]". The optimizer begins anew.
 */
LS_API ls_status ls_model_compile(struct ls_model *model, const char *options);

/* Options of training: the run file's `fit` as text ("epochs: 5, batch_size: 32, seed: 1"), data,
 * and who is told. */
struct ls_fit {
    const char *options; /* NULL: all defaults */
    int64_t replicas;    /* 0: the number of ranks */
    struct ls_data *train;
    struct ls_data *validation; /* or NULL */
    /* After each epoch on every rank; logs by name ("loss", "val_accuracy"). A status other than
     * LS_OK ends the training with it; it must be the same on all ranks. NULL: nobody. */
    ls_status (*on_epoch)(void *user, int64_t epoch, const char *const *names, const double *values,
                          size_t count);
    void *user;
};

/* Trains; the weights go on from where they are (the first call initializes them from the seed),
 * and so does the optimizer, after a training and after the reading of a file that has its state.
 * Collective over comm: same model, options and data on all ranks. With `shard_optimizer: true` the
 * ranks of a node have the weights in common until it returns: on_epoch looks at them only. */
LS_API ls_status ls_model_fit(struct ls_model *model, struct ls_comm *comm,
                              const struct ls_fit *fit);

/* Loss and metrics over all samples (evaluation.h). Collective; the result is the same on all
 * ranks, the caller's to release. */
LS_API ls_status ls_model_evaluate(struct ls_model *model, struct ls_comm *comm,
                                   struct ls_data *data, struct ls_evaluation *evaluation);

/* Predicts `samples` rows: x is [samples][input shape], out [samples][output shape], float32,
 * row-major; for models of one input and one output. Re-entrant, not collective. */
LS_API ls_status ls_model_predict(const struct ls_model *model, const float *x, int64_t samples,
                                  float *out);

/* The same for any number of inputs and outputs, in the model's order: input[i] is [samples][shape
 * of input i], output[o] is [samples][shape of output o]; an output that is NULL is left out. */
LS_API ls_status ls_model_predict_all(const struct ls_model *model, const float *const *input,
                                      int64_t samples, float *const *output);

/* Elements a sample of input or output `index`; 0 when there is none or the model is not complete.
 */
LS_API size_t ls_model_input_size(struct ls_model *model, size_t index);
LS_API size_t ls_model_output_size(struct ls_model *model, size_t index);

/* The table that Keras' summary() prints, in new memory, freed with ls_text_free. */
LS_API ls_status ls_model_summary(struct ls_model *model, char **text);
LS_API void ls_text_free(char *text);

/* A Keras whole-model .h5, a .keras archive, or to_json's .json, by the ending of path, with the
 * weights and the optimizer as they are (in an .h5 in a part of our own, which Keras passes over).
 * LS_USAGE for another ending. Call on one rank. */
LS_API ls_status ls_model_save(struct ls_model *model, const char *path);

/* Weights by layer and name ("dense", "kernel"): copies count floats out or in; count must be the
 * variable's. */
LS_API ls_status ls_model_get_weights(struct ls_model *model, const char *layer,
                                      const char *variable, float *values, size_t count);
LS_API ls_status ls_model_set_weights(struct ls_model *model, const char *layer,
                                      const char *variable, const float *values, size_t count);

/* A 64-bit hash of all weights' bits. */
LS_API ls_status ls_model_hash(struct ls_model *model, uint64_t *hash);

#ifdef __cplusplus
}
#endif
#endif
