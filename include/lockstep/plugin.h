/* plugin.h: losses, metrics, layers and callbacks of one's own, as C functions.
 *
 * A kind is one table: its name, its options, and its functions, which compute on plain arrays. All
 * tables of one source are named by one struct ls_plugin. It reaches the library in one of two
 * ways:
 *
 *     a program calls     ls_plugin_register(&lockstep_plugin);
 *     a shared object     cc -shared -fPIC mine.c -o mine.so     exports the table under the name
 *                         lockstep_plugin; `lockstep train --plugin mine.so` and
 *                         `plugins: [mine.so]` in a run file load it, ls_plugin_load in a program.
 *
 * From then on the kinds are known as those of the library are: in run files, in ls_model_compile,
 * in `lockstep list`, in files written and read. A kind "PriceIsRight" is price_is_right in a run
 * file too. Keras finds it where a class is registered as "lockstep>PriceIsRight" (a function as
 * "lockstep>price_is_right", for a loss without options):
 *
 *     @keras.saving.register_keras_serializable(package="lockstep")
 *
 * and a Keras file's kinds of any package ("mine>price_is_right") are found here by their name.
 *
 * What is asked of the functions. They are pure: what they write is a function of what they are
 * given, so that a run has the same bits on any number of ranks. They keep nothing in variables of
 * their own (the library may call them from several threads), and add numbers up in a fixed order.
 * A plugin calls nothing of the library: all that it needs it is given. tests/examples/
 * price_is_right.c is a whole plugin, with one kind of each. */
#ifndef LOCKSTEP_PLUGIN_H
#define LOCKSTEP_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lockstep/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Changes when a struct of this header does: plugins are then to be compiled again. */
#define LS_PLUGIN_ABI 1u

/* -- what all kinds have ------------------------------------------------------------------------*/

/* An option is a number with a name. Functions get the values in the table's order:
 * option[0], option[1], ... */
struct ls_custom_option {
    const char *name;
    double initial;  /* where a run file does not give it; NAN: it must */
    double min, max; /* what it may be, both included, INFINITY: no limit; both 0: any number */
    const char *help;
};

struct ls_custom {
    const char *name;                       /* as Keras names classes: "PriceIsRight" */
    const char *summary;                    /* one line, for `lockstep list` */
    const struct ls_custom_option *options; /* ends with a row whose name is NULL; NULL: none */
};

/* -- losses -------------------------------------------------------------------------------------*/

/* Some rows. A position is one row's element of all axes but the last one; it has `columns`
 * numbers: for an output of 10 classes a position is a sample, columns is 10. */
struct ls_custom_loss_call {
    const double *option;
    int64_t positions, columns; /* positions may be 0 */
    const float *prediction;    /* [positions][columns] */
    const float *target;        /* [positions][columns]; of classes [positions], as 0.0, 1.0, ... */
    float *value;               /* write [positions]: the loss at the position */
    float *gradient; /* write [positions][columns]: d value[p] / d prediction[p][c]; NULL: not
                        wanted */
};

/* Sample weights, the mean over the batch and loss_weights are the library's. */
struct ls_custom_loss {
    struct ls_custom kind;
    bool classes; /* targets are integer classes; else they have the prediction's shape */
    void (*compute)(const struct ls_custom_loss_call *call);
};

/* -- metrics ------------------------------------------------------------------------------------*/

struct ls_custom_metric_call {
    const double *option;
    int64_t positions, columns; /* as a loss has them */
    const float *prediction, *target;
    const float *weight; /* [positions], or NULL: each counts as 1 */
    double *state;       /* add to it */
};

/* A metric is `state_doubles` sums over positions, 0 at first, and a number made from them. The
 * library adds the sums of slices, ranks and steps. */
struct ls_custom_metric {
    struct ls_custom kind;
    bool classes; /* as struct ls_custom_loss */
    size_t (*state_doubles)(const double *option, int64_t columns);
    void (*update)(const struct ls_custom_metric_call *call);
    double (*result)(const double *option, const double *state, int64_t columns);
};

/* -- layers -------------------------------------------------------------------------------------*/

enum { LS_CUSTOM_RANK_MAX = 8, LS_CUSTOM_WEIGHTS_MAX = 8, LS_CUSTOM_MESSAGE = 256 };

/* The shape of one sample (without the axis of the rows), or of a weight. */
struct ls_custom_shape {
    int rank;                         /* 0: one number */
    int64_t size[LS_CUSTOM_RANK_MAX]; /* row-major, channels last; each at least 1 */
};

/* Numbers that a tensor of this shape has. */
static inline size_t ls_custom_count(const struct ls_custom_shape *shape)
{
    size_t count = 1;
    for (int i = 0; i < shape->rank; i++)
        count *= (size_t)shape->size[i];
    return count;
}

/* A weight that is trained. */
struct ls_custom_weight {
    const char *name;        /* "kernel" */
    const char *initializer; /* as in a run file: "zeros", "GlorotUniform: {seed: 3}"; a run file
                                may give another one with the option NAME_initializer */
};

/* What a use of a layer has to say of its shapes. */
struct ls_custom_layer_shapes {
    const double *option;
    size_t inputs;
    const struct ls_custom_shape *input; /* [inputs] */
    struct ls_custom_shape output;       /* write; at first that of the first input */
    struct ls_custom_shape *weight;      /* write, one a weight; the same in every use of a layer */
    size_t saved_floats; /* write: floats a row that forward leaves for backward; at first 0 */
    char *message;       /* write LS_CUSTOM_MESSAGE bytes at most, where the status is not LS_OK */
};

/* One pass over some rows. Tensors are [rows][shape]. */
struct ls_custom_layer_call {
    const double *option;
    int64_t rows; /* at least 1 */
    bool training;
    size_t inputs;
    const struct ls_custom_shape *input_shape; /* [inputs] */
    const struct ls_custom_shape *output_shape;
    const float *const *input;  /* [inputs] */
    float *output;              /* forward writes it, backward reads it */
    const float *const *weight; /* one a weight */
    float *saved;               /* [rows][saved_floats]: forward writes, backward reads */

    /* backward alone */
    const float *output_gradient;
    float *const *input_gradient;  /* write; NULL where nobody wants it */
    float *const *weight_gradient; /* ADD to it, the sum over the rows: what is there may be of
                                      another use of the layer; NULL where it is not trained */
};

struct ls_custom_layer {
    struct ls_custom kind;
    const struct ls_custom_weight *weights; /* ends with a row whose name is NULL; NULL: none */
    size_t least_inputs, most_inputs;       /* both 0: one */
    /* LS_OK, or LS_BAD_INPUT with a message: "expected 2 axes, found 3". NULL: an output of the
     * input's shape, and no weights. */
    ls_status (*shape)(struct ls_custom_layer_shapes *shapes);
    void (*forward)(const struct ls_custom_layer_call *call);
    void (*backward)(const struct ls_custom_layer_call *call);
    const char *example; /* for tests of the gradients: the shape of an input, "[4, 3]", or those of
                            several, "[[3], [2, 3]]"; or NULL */
};

/* -- callbacks ----------------------------------------------------------------------------------*/

struct ls_custom_callback_call {
    const double *option;
    double *state;   /* state_doubles: 0 when a run begins; a checkpoint holds them, so that a run
                        that   is resumed has what it had */
    void **memory;   /* yours, from on_train_begin to on_train_end; NULL at first */
    bool first_rank; /* who of all ranks may print or write files */
    int64_t epoch, epochs;      /* this one, from 0; of all */
    int64_t step, steps;        /* done of this epoch; an epoch has */
    int64_t iteration;          /* steps done since the run began */
    double loss, learning_rate; /* of the last step */
    const char *const *names;   /* "loss", then metrics, over the epoch so far; at the end of an
                                   epoch "val_loss" and so on behind them, and
                                   learning_rate where a callback before this one sets it */
    const double *values;       /* by name; count is 0 where there are none yet */
    size_t count;
    ls_status status; /* on_train_end: how it ended: LS_OK, LS_INTERRUPTED (it is saved and may be
                         resumed), or a failure */
    bool stop;        /* set it, and the training ends here, with LS_OK: at the end of this step
                         (the epoch stays unfinished) or of this epoch. The first rank's answer
                         is that of all. */
    char *message;    /* write LS_CUSTOM_MESSAGE bytes at most, where the status is not LS_OK */
};

/* Every function is called on every rank with the same numbers; NULL: nothing to do. A status other
 * than LS_OK ends the training with it, on all ranks. */
typedef ls_status ls_custom_callback_function(struct ls_custom_callback_call *call);

struct ls_custom_callback {
    struct ls_custom kind;
    size_t state_doubles;
    ls_custom_callback_function *on_train_begin; /* of a start: of a run that is resumed too */
    ls_custom_callback_function *on_epoch_begin; /* before an epoch's first step */
    ls_custom_callback_function *on_step_end;
    ls_custom_callback_function *on_epoch_end; /* after validation */
    ls_custom_callback_function *on_train_end; /* whatever ended it */
};

/* -- the plugin ---------------------------------------------------------------------------------*/

/* Each array ends with NULL; NULL: none of that sort. */
struct ls_plugin {
    unsigned abi;     /* LS_PLUGIN_ABI */
    const char *name; /* for messages */
    const struct ls_custom_loss *const *losses;
    const struct ls_custom_metric *const *metrics;
    const struct ls_custom_layer *const *layers;
    const struct ls_custom_callback *const *callbacks;
};

/* What a shared object exports: const struct ls_plugin lockstep_plugin = {.abi = LS_PLUGIN_ABI,
 * ...};
 */
LS_API extern const struct ls_plugin lockstep_plugin;

/* Makes the kinds known in this process, to its end; the tables must stay. All of them or, on
 * failure, none. LS_BAD_INPUT: a name that is taken, a kind without a function that it needs,
 * another ABI. The same plugin twice is LS_OK. Before other threads use the library. Not
 * collective: every rank registers the same plugins. */
LS_API ls_status ls_plugin_register(const struct ls_plugin *plugin);

/* The same for the plugin of a shared object. LS_NO_INPUT: no such file; LS_BAD_INPUT: it is no
 * plugin. Its code runs in this process: load only what you trust. */
LS_API ls_status ls_plugin_load(const char *path);

#ifdef __cplusplus
}
#endif
#endif
