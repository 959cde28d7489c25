/* Optimizers against Keras' numbers, against Keras' formulas in double, and by hand. */
#include "reference.h"

#include "base/memory.h"
#include "kind_harness.h"
#include "optimizer/optimizer.h"

enum { STEPS = 10 };

/* An optimizer on n weights. */
struct bench {
    struct ls_instance instance;
    const struct ls_optimizer_kind *kind;
    struct ls_optimizer_call call;
    const char *slot_name[LS_SLOTS_MAX];
    size_t slots;
};

static void start(struct bench *b, struct ls_instance instance, const float *weights, size_t n)
{
    *b = (struct bench){.instance = instance,
                        .kind = (const struct ls_optimizer_kind *)instance.kind};
    b->call = (struct ls_optimizer_call){.options = instance.options, .n = n};
    b->call.learning_rate =
        *(const double *)((const char *)instance.options + b->kind->learning_rate_offset);
    b->call.weights = harness_floats(n);
    memcpy(b->call.weights, weights, n * sizeof(float));
    b->slots = b->kind->slots(instance.options, b->slot_name);
    assert_true(b->slots <= LS_SLOTS_MAX);
    for (size_t s = 0; s < b->slots; s++) {
        b->call.slot[s] = harness_floats(n);
        memset(b->call.slot[s], 0, n * sizeof(float));
    }
}

static void step(struct bench *b, const float *gradient)
{
    b->call.gradient = gradient;
    b->kind->step(&b->call);
    b->call.iteration++;
}

static void drop(struct bench *b)
{
    free(b->call.weights);
    for (size_t s = 0; s < b->slots; s++)
        free(b->call.slot[s]);
    ls_instance_release(&b->instance);
}

static void near(double found, double wanted, const char *title, const char *what, size_t i)
{
    if (!(fabs(found - wanted) <= 2e-6 * (1 + fabs(wanted))))
        fail_msg("%s %s[%zu]: %.9g, expected %.9g", title, what, i, found, wanted);
}

/* -- Keras' numbers */

static struct ls_instance instance_of(hid_t file, const char *group)
{
    size_t count;
    char **config = reference_texts(file, group, "config", &count);
    struct ls_tree *tree;
    struct ls_instance instance;
    NEED(ls_tree_parse_json(&tree, config[0], strlen(config[0]), NULL));
    NEED(ls_instance_parse(&instance, &ls_optimizers, tree));
    ls_tree_free(tree);
    reference_free_texts(config);
    return instance;
}

/* The slots by Keras' names: "adam/a_velocity". */
static size_t check_slots(hid_t file, const char *group, const char *variable,
                          const struct bench *b)
{
    size_t count, found = 0;
    char **names = reference_texts(file, group, "state_names", &count);
    for (size_t s = 0; s < b->slots; s++)
        for (size_t i = 0; i < count; i++) {
            char wanted[REFERENCE_NAME], number[32];
            snprintf(wanted, sizeof wanted, "/%s_%s", variable, b->slot_name[s]);
            const char *slash = strrchr(names[i], '/');
            if (!slash || strcmp(slash, wanted) != 0)
                continue;
            snprintf(number, sizeof number, "state/%zu", i);
            struct reference slot = reference_read(file, group, number);
            for (size_t k = 0; k < slot.count; k++)
                near(b->call.slot[s][k], slot.value[k], group, wanted, k);
            free(slot.value);
            found++;
        }
    assert_int_equal(found, b->slots);
    reference_free_texts(names);
    return count;
}

static void check_case(hid_t file, const char *group)
{
    static const char *const variables[] = {"a", "b"};
    size_t slots = 0, state = 0;
    for (size_t v = 0; v < 2; v++) {
        struct reference first = reference_read(file, "w0", variables[v]);
        struct bench b;
        char name[32];
        start(&b, instance_of(file, group), first.value, first.count);
        for (int t = 0; t < STEPS; t++) {
            snprintf(name, sizeof name, "%d/%s", t, variables[v]);
            struct reference gradient = reference_read(file, "g", name);
            step(&b, gradient.value);
            free(gradient.value);
            snprintf(name, sizeof name, "w/%d/%s", t, variables[v]);
            struct reference wanted = reference_read(file, group, name);
            for (size_t i = 0; i < wanted.count; i++)
                near(b.call.weights[i], wanted.value[i], group, name, i);
            free(wanted.value);
        }
        state = check_slots(file, group, variables[v], &b);
        slots += b.slots;
        free(first.value);
        drop(&b);
    }
    assert_int_equal(state, 2 + slots); /* iteration and learning_rate beside them */
}

static void test_keras(void **state)
{
    char group[REFERENCE_NAME];
    size_t cases = 0;
    hid_t file = reference_open("optimizers_ref.h5");
    (void)state;
    for (size_t i = 0; reference_group(file, i, group); i++)
        if (strcmp(group, "w0") != 0 && strcmp(group, "g") != 0) {
            check_case(file, group);
            cases++;
        }
    assert_true(cases >= 8);
    H5Fclose(file);
}

/* -- Keras' formulas, in double */

struct scalars {
    double learning_rate, momentum, rho, beta_1, beta_2, epsilon;
    bool nesterov, centered, amsgrad;
};

static double number_of(const struct ls_tree *config, const char *key)
{
    double value = 0;
    const struct ls_tree *entry = ls_tree_find(config, key);
    if (entry)
        NEED(ls_tree_double(entry, &value));
    return value;
}

static bool truth_of(const struct ls_tree *config, const char *key)
{
    bool value = false;
    const struct ls_tree *entry = ls_tree_find(config, key);
    if (entry)
        NEED(ls_tree_bool(entry, &value));
    return value;
}

/* From the config that the options are written as: so the names are checked too. */
static struct scalars scalars_of(const struct ls_instance *instance)
{
    struct ls_tree *config = ls_tree_new(LS_TREE_MAP);
    NEED(ls_instance_write(instance, config));
    struct scalars s = {.learning_rate = number_of(config, "learning_rate"),
                        .momentum = number_of(config, "momentum"),
                        .rho = number_of(config, "rho"),
                        .beta_1 = number_of(config, "beta_1"),
                        .beta_2 = number_of(config, "beta_2"),
                        .epsilon = number_of(config, "epsilon"),
                        .nesterov = truth_of(config, "nesterov"),
                        .centered = truth_of(config, "centered"),
                        .amsgrad = truth_of(config, "amsgrad")};
    ls_tree_free(config);
    return s;
}

struct memory {
    double m, v, extra; /* zero before the first step */
};

static double sgd(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    if (s->momentum == 0)
        return w - s->learning_rate * g;
    k->m = s->momentum * k->m - s->learning_rate * g;
    return s->nesterov ? w + s->momentum * k->m - s->learning_rate * g : w + k->m;
}

static double adam(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    double rate = s->learning_rate * sqrt(1 - pow(s->beta_2, t)) / (1 - pow(s->beta_1, t));
    k->m += (g - k->m) * (1 - s->beta_1);
    k->v += (g * g - k->v) * (1 - s->beta_2);
    k->extra = fmax(k->extra, k->v);
    return w - rate * k->m / (sqrt(s->amsgrad ? k->extra : k->v) + s->epsilon);
}

static double rmsprop(const struct scalars *s, struct memory *k, double w, double g, int t)
{
    (void)t;
    k->v = s->rho * k->v + (1 - s->rho) * g * g;
    k->extra = s->rho * k->extra + (1 - s->rho) * g;
    double divisor = k->v - (s->centered ? k->extra * k->extra : 0) + s->epsilon;
    double change = s->learning_rate * g / sqrt(divisor);
    k->m = s->momentum * k->m + change;
    return w - k->m;
}

typedef double formula(const struct scalars *, struct memory *, double, double, int);
static const struct {
    const char *name;
    formula *formula;
} formulas[] = {{"SGD", sgd}, {"Adam", adam}, {"RMSprop", rmsprop}};

static formula *formula_of(const char *name)
{
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        if (strcmp(formulas[i].name, name) == 0)
            return formulas[i].formula;
    fail_msg("there is no formula for %s here", name);
    return NULL;
}

static void test_formulas(void **state)
{
    enum { N = 37 };
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    {
        const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples;
        assert_non_null(e);
        for (; *e; e++) {
            float weights[N], gradient[N];
            double wanted[N];
            struct memory memory[N] = {{0, 0, 0}};
            struct bench b;
            for (size_t i = 0; i < N; i++)
                wanted[i] = weights[i] = test_random(1, i);
            start(&b, make_instance(&ls_optimizers, kind->name, *e), weights, N);
            struct scalars s = scalars_of(&b.instance);
            for (int t = 1; t <= STEPS; t++) {
                for (size_t i = 0; i < N; i++) {
                    gradient[i] = 2 * test_random((uint32_t)(10 + t), i);
                    wanted[i] = formula_of(kind->name)(&s, &memory[i], wanted[i], gradient[i], t);
                }
                step(&b, gradient);
                for (size_t i = 0; i < N; i++)
                    near(b.call.weights[i], wanted[i], kind->name, *e, i);
            }
            drop(&b);
        }
    }
}

/* A range of elements gets the bits that it gets within the whole, so that ranks can share the
 * work.
 */
static void test_ranges(void **state)
{
    enum { N = 53, CUT = 19 };
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    for (const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples; *e; e++) {
        float weights[N], gradient[N];
        struct bench whole, low, high;
        for (size_t i = 0; i < N; i++)
            weights[i] = test_random(1, i);
        start(&whole, make_instance(&ls_optimizers, kind->name, *e), weights, N);
        start(&low, make_instance(&ls_optimizers, kind->name, *e), weights, CUT);
        start(&high, make_instance(&ls_optimizers, kind->name, *e), weights + CUT, N - CUT);
        for (uint32_t t = 0; t < 3; t++) {
            for (size_t i = 0; i < N; i++)
                gradient[i] = test_random(10 + t, i);
            step(&whole, gradient);
            step(&low, gradient);
            step(&high, gradient + CUT);
        }
        assert_memory_equal(low.call.weights, whole.call.weights, CUT * sizeof(float));
        assert_memory_equal(high.call.weights, whole.call.weights + CUT, (N - CUT) * sizeof(float));
        whole.call.n = 0;
        step(&whole, gradient);
        drop(&whole), drop(&low), drop(&high);
    }
}

/* Numbers that can be worked out on paper. */
static void expect_two_steps(const char *kind, const char *options, float first, float second)
{
    static const float weight = 1, gradient = 2;
    struct bench b;
    start(&b, make_instance(&ls_optimizers, kind, options), &weight, 1);
    step(&b, &gradient);
    near(b.call.weights[0], first, kind, options, 1);
    step(&b, &gradient);
    near(b.call.weights[0], second, kind, options, 2);
    drop(&b);
}

static void test_by_hand(void **state)
{
    (void)state;
    expect_two_steps("SGD", "learning_rate: 0.25", 0.5F, 0);
    expect_two_steps("SGD", "learning_rate: 0.25, momentum: 0.5", 0.5F, -0.25F);
    expect_two_steps("SGD", "learning_rate: 0.25, momentum: 0.5, nesterov: true", 0.25F, -0.625F);
    /* a constant gradient makes full steps */
    expect_two_steps("Adam", "learning_rate: 0.125", 0.875F, 0.75F);
    expect_two_steps("Adam", "learning_rate: 0.125, amsgrad: true", 0.875F, 0.75F);
    /* v = 3, then 3.75 */
    expect_two_steps("RMSprop", "learning_rate: 0.5, rho: 0.25", 1 - 1 / sqrtf(3),
                     1 - 1 / sqrtf(3) - 1 / sqrtf(3.75F));
}

static void test_options(void **state)
{
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    for (const char *const *e = ((const struct ls_optimizer_kind *)kind)->examples; *e; e++)
        check_round_trip(&ls_optimizers, kind->name, *e);
}

/* The options of all optimizers that come later are taken as null or at their defaults alone. */
static void test_messages(void **state)
{
    static const char *const later[] = {"weight_decay: 0.1",
                                        "clipnorm: 1",
                                        "global_clipnorm: 1",
                                        "clipvalue: 1",
                                        "use_ema: true",
                                        "ema_momentum: 0.5",
                                        "ema_overwrite_frequency: 3",
                                        "loss_scale_factor: 2",
                                        "gradient_accumulation_steps: 2"};
    char wanted[200];
    (void)state;
    FOR_EACH_KIND(kind, ls_optimizers)
    {
        for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
            snprintf(wanted, sizeof wanted, "%.*s: " LS_OPTIMIZER_LATER,
                     (int)strcspn(later[i], ":"), later[i]);
            refuse_instance(&ls_optimizers, kind->name, later[i], wanted);
        }
        struct ls_instance instance = make_instance(
            &ls_optimizers, kind->name,
            "weight_decay: null, clipnorm: null, global_clipnorm: null, clipvalue: null, use_ema: "
            "false, ema_momentum: 0.99, ema_overwrite_frequency: null, loss_scale_factor: null, "
            "gradient_accumulation_steps: null");
        ls_instance_release(&instance);
        refuse_instance(&ls_optimizers, kind->name, "learning_rate: -1",
                        "learning_rate: must be at least 0, found -1");
    }
    refuse_instance(&ls_optimizers, "SGD", "momentum: 1.5",
                    "momentum: must be at least 0 and at most 1, found 1.5");
    refuse_instance(&ls_optimizers, "Adam", "beta_1: 1",
                    "beta_1: must be at least 0 and below 1, found 1");
    refuse_instance(&ls_optimizers, "adam", "lr: 1",
                    "unknown option 'lr' (known: name, learning_rate, weight_decay, clipnorm, "
                    "global_clipnorm, clipvalue, use_ema, ema_momentum, ema_overwrite_frequency, "
                    "loss_scale_factor, gradient_accumulation_steps, beta_1, beta_2, epsilon, "
                    "amsgrad)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keras),   cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_ranges),  cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_options), cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
