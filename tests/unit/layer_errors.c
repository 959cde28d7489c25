/* Every message of the layers, initializers and regularizers. */
#include "layer_harness.h"

static void refuse(const char *kind, const char *options, const char *input, const char *wanted)
{
    struct harness h;
    ls_status status = harness_try(&h, kind, options, input);
    if (status != LS_BAD_INPUT)
        fail_msg("%s {%s} of %s: status %d, expected: %s", kind, options, input, status, wanted);
    assert_string_equal(ls_message(), wanted);
    harness_free(&h);
}

static void test_dense(void **state)
{
    (void)state;
    refuse("Dense", "units: 2", "[]",
           "it (Dense): the input needs at least one axis beside the samples, it is (None,)");
    refuse("Dense", "units: 0", "[2]", "units: must be at least 1 and at most 2147483647, found 0");
    refuse("Dense", "unit: 2", "[2]", "unknown option 'unit' (did you mean 'units'?)");
    refuse("Dense", "units: 2, activation: rely", "[2]",
           "activation: unknown activation 'rely' (did you mean 'relu'?)");
    refuse("Dense", "units: 2, kernel_initializer: glorot", "[2]",
           "kernel_initializer: unknown initializer 'glorot' (known: Zeros, Ones, Constant, "
           "Identity, Orthogonal, RandomNormal, RandomUniform, TruncatedNormal, VarianceScaling, "
           "GlorotNormal, GlorotUniform, HeNormal, HeUniform, LecunNormal, LecunUniform)");
    refuse("Dense", "units: 2, kernel_regularizer: l3", "[2]",
           "kernel_regularizer: unknown regularizer 'l3' (did you mean 'L1'?)");
    refuse("Dense", "units: 2, kernel_constraint: nonneg", "[2]",
           "kernel_constraint: unknown constraint 'nonneg' (did you mean 'NonNeg'?)");
    refuse("Dense", "units: 2, bias_constraint: {MinMaxNorm: {rate: 2}}", "[2]",
           "MinMaxNorm rate: must be at least 0 and at most 1, found 2");
    refuse("Dense", "units: 2, quantization_config: int8", "[2]",
           "quantization_config: is not supported: layers compute in float32");
}

static void test_batch_normalization(void **state)
{
    (void)state;
    refuse("BatchNormalization", "axis: 3", "[2, 3]",
           "it (BatchNormalization): axis: (None, 2, 3) has no axis 3");
    refuse("BatchNormalization", "axis: 0", "[2, 3]",
           "it (BatchNormalization): axis: 0 is the samples' axis, which stays as it is");
    refuse("BatchNormalization", "{}", "[]",
           "it (BatchNormalization): axis: -1 is the samples' axis, which stays as it is");
    refuse("BatchNormalization", "momentum: 2", "[3]",
           "momentum: must be at least 0 and at most 1, found 2");
    refuse("BatchNormalization", "epsilon: -1", "[3]", "epsilon: must be at least 0, found -1");
    refuse("BatchNormalization", "renorm: true", "[3]",
           "renorm: is not supported: batches are normalized by their own statistics");
    refuse("BatchNormalization", "renorm_clipping: {rmax: 2}", "[3]",
           "renorm_clipping: is not supported, as renorm is not");
}

static void test_group_norms(void **state)
{
    (void)state;
    refuse("LayerNormalization", "axis: 3", "[2, 3]",
           "it (LayerNormalization): axis: (None, 2, 3) has no axis 3");
    refuse("LayerNormalization", "axis: [2, -1]", "[2, 3]",
           "it (LayerNormalization): axis: 2 is named twice");
    refuse("LayerNormalization", "axis: []", "[2, 3]",
           "it (LayerNormalization): axis: at least one is needed");
    refuse("LayerNormalization", "epsilon: -1", "[2]", "epsilon: must be at least 0, found -1");
    refuse("GroupNormalization", "groups: 0", "[4]",
           "it (GroupNormalization): groups: expected a number above 0, or -1");
    refuse("GroupNormalization", "groups: 3", "[4]",
           "it (GroupNormalization): groups: 4 channels are not 3 groups of one size");
    refuse("GroupNormalization", "{}", "[4]",
           "it (GroupNormalization): groups: 4 channels are not 32 groups of one size");
    refuse("GroupNormalization", "axis: 0", "[4]",
           "it (GroupNormalization): axis: 0 is the samples' axis, which stays as it is");
    refuse("RMSNormalization", "axis: 1", "[2, 3]",
           "it (RMSNormalization): axis: only the last axes, in their order");
    refuse("RMSNormalization", "axis: [1, -1]", "[2, 3]",
           "it (RMSNormalization): axis: only the last axes, in their order");
    refuse("UnitNormalization", "axis: 2", "[2]",
           "it (UnitNormalization): axis: (None, 2) has no axis 2");
}

static void test_activations(void **state)
{
    (void)state;
    refuse("Activation", "{}", "[2]", "option 'activation' is missing");
    refuse("ReLU", "max_value: -1", "[2]", "max_value: must be at least 0, found -1");
    refuse("ReLU", "negative_slope: -1", "[2]", "negative_slope: must be at least 0, found -1");
    refuse("ReLU", "threshold: -1", "[2]", "threshold: must be at least 0, found -1");
    refuse("ReLU", "threshold: null", "[2]", "threshold: must not be null");
    refuse("LeakyReLU", "alpha: -0.1", "[2]", "alpha: must be at least 0, found -0.1");
    refuse("ELU", "alpha: -0.1", "[2]", "alpha: must be at least 0, found -0.1");
    refuse("Softmax", "axis: 1", "[2, 3]",
           "it (Softmax): axis: only the last axis of (None, 2, 3) is supported: -1 or 2");
    refuse("Softmax", "axis: [1, 2]", "[2, 3]",
           "it (Softmax): axis: only the last axis of (None, 2, 3) is supported: -1 or 2");
    refuse("Softmax", "{}", "[]",
           "it (Softmax): the input needs at least one axis beside the samples, it is (None,)");
}

static void test_shapes(void **state)
{
    (void)state;
    refuse("InputLayer", "{}", "[]", "option 'shape' is missing");
    refuse("InputLayer", "shape: [2, 0]", "[]",
           "shape[1]: must be at least 1 and at most 2147483647, found 0");
    refuse("InputLayer", "shape: [2], sparse: true", "[]",
           "sparse: is not supported: inputs are dense");
    refuse("InputLayer", "shape: [2], ragged: true", "[]",
           "ragged: is not supported: all samples have one shape");
    refuse("InputLayer", "shape: [2], optional: true", "[]",
           "optional: is not supported: every input is given");
    refuse("Flatten", "data_format: channels_first", "[2, 3]",
           "data_format: is not supported: data is laid out channels last");
    refuse("Reshape", "target_shape: [2, 0]", "[4]",
           "it (Reshape): target_shape: an axis has at least 1 element, or is -1");
    refuse("Reshape", "target_shape: [-1, -1]", "[4]",
           "it (Reshape): target_shape: only one axis may be -1");
    refuse("Reshape", "target_shape: [3, -1]", "[4]",
           "it (Reshape): target_shape: the 4 elements of a sample of (None, 4) do not fill it");
    refuse("Reshape", "target_shape: [2, 3]", "[4]",
           "it (Reshape): target_shape: the 4 elements of a sample of (None, 4) do not fill it");
    refuse("Reshape", "target_shape: [2147483647, 2147483647, 2147483647]", "[4]",
           "it (Reshape): target_shape: the 4 elements of a sample of (None, 4) do not fill it");
    refuse("Reshape", "target_shape: [-2]", "[4]",
           "target_shape[0]: must be at least -1 and at most 2147483647, found -2");
}

/* Those that see their input as an image. */
static void test_images(void **state)
{
    (void)state;
    refuse(
        "MaxPooling2D", "{}", "[4, 4]",
        "it (MaxPooling2D): the input needs 3 axes (height, width, channels) beside the samples, "
        "it is (None, 4, 4)");
    refuse("GlobalMaxPooling1D", "{}", "[4, 4, 2]",
           "it (GlobalMaxPooling1D): the input needs 2 axes (steps, channels) beside the samples, "
           "it is (None, 4, 4, 2)");
    refuse("AveragePooling2D", "pool_size: [2, 2, 2]", "[4, 4, 1]",
           "it (AveragePooling2D): pool_size: expected one number, or two: height and width, found "
           "3");
    refuse("MaxPooling1D", "strides: [1, 2]", "[4, 1]",
           "it (MaxPooling1D): strides: expected one number, found 2");
    refuse("MaxPooling2D", "pool_size: 0", "[4, 4, 1]",
           "pool_size: must be at least 1 and at most 1048576, found 0");
    refuse("MaxPooling2D", "padding: full", "[4, 4, 1]",
           "padding: must be one of valid, same; found 'full'");
    refuse(
        "MaxPooling2D", "pool_size: [2, 5]", "[4, 4, 1]",
        "it (MaxPooling2D): pool_size: a window of 5 cells along an axis that has 4 in (None, 4, "
        "4, 1)");
    refuse("MaxPooling2D", "pool_size: 5000, padding: same", "[4, 4, 1]",
           "it (MaxPooling2D): pool_size: a window of 25000000 cells, there can be 16777216");
    refuse("MaxPooling2D", "data_format: channels_first", "[4, 4, 1]",
           "data_format: is not supported: data is laid out channels last");
    refuse("ZeroPadding1D", "padding: [1, 2, 3]", "[4, 1]",
           "it (ZeroPadding1D): padding: expected one number, or two: for the begin and the end");
    refuse("ZeroPadding1D", "padding: 1048576", "[4, 1048576]",
           "it (ZeroPadding1D): a result of (None, 2097156, 1048576) is too large");
    refuse("ZeroPadding2D", "padding: -1", "[4, 4, 1]",
           "padding: must be at least 0 and at most 1048576, found -1");
    refuse("ZeroPadding2D", "padding: [1]", "[4, 4, 1]",
           "it (ZeroPadding2D): padding: expected one number, or [height, width], each one number "
           "or two");
    refuse("ZeroPadding2D", "padding: [[1, 2, 3], 1]", "[4, 4, 1]",
           "padding[0]: expected an integer or a list of two, found a list");
    refuse("ZeroPadding2D", "padding: [1, 2, 3, 4, 5]", "[4, 4, 1]",
           "padding: expected at most 4 pairs, found 5");
    refuse("Cropping2D", "cropping: [[1, 1], [2, 2]]", "[4, 4, 1]",
           "it (Cropping2D): cropping: 4 cells less leave none of the 4 in (None, 4, 4, 1)");
    refuse("UpSampling1D", "size: [2]", "[4, 1]", "size: expected an integer, found a list");
    refuse("UpSampling2D", "size: [1, 2, 3]", "[4, 4, 1]",
           "it (UpSampling2D): size: expected one number, or two: height and width, found 3");
    refuse(
        "UpSampling2D", "interpolation: area", "[4, 4, 1]",
        "interpolation: must be one of nearest, bilinear, bicubic, lanczos3, lanczos5; found 'area'");
}

static void refuse_input(const char *json, const char *wanted)
{
    struct ls_tree *config;
    const struct ls_kind *kind = ls_kind_find(&ls_layers, "InputLayer");
    NEED(ls_tree_parse_json(&config, json, strlen(json), NULL));
    assert_int_equal(ls_layer_kind_of(kind)->read(config), LS_BAD_INPUT);
    assert_string_equal(ls_message(), wanted);
    ls_tree_free(config);
}

static void test_keras_input(void **state)
{
    (void)state;
    refuse_input("{\"batch_shape\": [null, null, 3]}",
                 "batch_shape: only the samples' axis, the first, may be null");
    refuse_input("{\"batch_shape\": []}", "batch_shape: expected a list, the samples' axis first");
    refuse_input("{\"batch_input_shape\": 3}",
                 "batch_input_shape: expected a list, the samples' axis first");
    refuse_input("{\"batch_shape\": [null, 3], \"shape\": [3]}",
                 "batch_shape: only one of batch_shape and shape can be given");
}

static void test_preprocessing(void **state)
{
    (void)state;
    refuse("Dropout", "rate: 1.5", "[2]", "rate: must be at least 0 and at most 1, found 1.5");
    refuse("Rescaling", "scale: [1, 2]", "[3]",
           "it (Rescaling): scale: expected one number, or 3 for the last axis, found 2");
    refuse("Rescaling", "scale: 1, offset: [1, 2]", "[3]",
           "it (Rescaling): offset: expected one number, or 3 for the last axis, found 2");
    refuse("Rescaling", "scale: []", "[3]",
           "it (Rescaling): scale: expected one number, or 3 for the last axis, found 0");
    refuse("Normalization", "mean: 1", "[3]",
           "it (Normalization): mean and variance are given together or not at all");
    refuse("Normalization", "mean: [1, 2, 3], variance: 1", "[3]",
           "it (Normalization): mean has 3 numbers, variance 1");
    refuse("Normalization", "mean: [1, 2], variance: [1, 2]", "[3]",
           "it (Normalization): mean: expected 3 numbers for the kept axes, found 2");
    refuse("Normalization", "mean: 1, variance: -1", "[3]",
           "variance: must be at least 0, found -1");
    refuse("Normalization", "axis: 0", "[3]",
           "it (Normalization): axis: 0 is the samples' axis, which has no size of its own");
    refuse("Normalization", "axis: -2", "[3]",
           "it (Normalization): axis: -2 is the samples' axis, which has no size of its own");
    refuse("Normalization", "axis: 2", "[3]", "it (Normalization): axis: (None, 3) has no axis 2");
    refuse("Normalization", "axis: [1, -1]", "[3]", "it (Normalization): axis: -1 is named twice");
}

static void test_numbers_of_inputs(void **state)
{
    struct ls_text many = {0};
    (void)state;
    refuse("Dense", "units: 1", "[[2], [2]]", "it (Dense): it takes 1 input, not 2");
    refuse("Add", "{}", "[2]", "it (Add): it takes at least 2 inputs, not 1");
    refuse("Concatenate", "{}", "[[2]]", "it (Concatenate): it takes at least 2 inputs, not 1");
    refuse("Subtract", "{}", "[2]", "it (Subtract): it takes 2 inputs, not 1");
    refuse("Subtract", "{}", "[[2], [2], [2]]", "it (Subtract): it takes 2 inputs, not 3");
    refuse("Dot", "axes: 1", "[[2], [2], [2]]", "it (Dot): it takes 2 inputs, not 3");
    for (int i = 0; i < 33; i++)
        ls_text_append(&many, "%s[1]", i ? ", " : "[");
    ls_text_append(&many, "]");
    refuse("Maximum", "{}", many.data, "it (Maximum): it takes at most 32 inputs, not 33");
    ls_text_release(&many);
}

static void test_merges(void **state)
{
    (void)state;
    refuse("Add", "{}", "[[2, 3], [3], [2, 2]]",
           "it (Add): input 3, (None, 2, 2), does not fit (None, 2, 3): from the last axis on, "
           "sizes are equal or one of them is 1");
    refuse("Add", "{}", "[[2, 3], [2]]",
           "it (Add): input 2, (None, 2), does not fit (None, 2, 3): from the last axis on, sizes "
           "are equal or one of them is 1");
    refuse("Multiply", "{}", "[[2147483647, 1], [2147483647]]",
           "it (Multiply): a result of (None, 2147483647, 2147483647) is too large");
    refuse("Concatenate", "axis: 0", "[[3], [2]]",
           "it (Concatenate): axis: 0 is the samples' axis, which stays as it is");
    refuse("Concatenate", "axis: -2", "[[3], [2]]",
           "it (Concatenate): axis: -2 is the samples' axis, which stays as it is");
    refuse("Concatenate", "axis: 2", "[[3], [2]]",
           "it (Concatenate): axis: (None, 3) has no axis 2");
    refuse("Concatenate", "{}", "[[], []]",
           "it (Concatenate): axis: -1 is the samples' axis, which stays as it is");
    refuse("Concatenate", "axis: 1", "[[2, 3], [2, 2]]",
           "it (Concatenate): input 2, (None, 2, 2), does not fit (None, 2, 3): all axes but 1 "
           "must be equal");
    refuse("Concatenate", "{}", "[[2, 3], [3]]",
           "it (Concatenate): input 2, (None, 3), does not fit (None, 2, 3): all axes but 2 must "
           "be equal");
    refuse("Concatenate", "{}", "[[1000000000000], [1000000000000]]",
           "it (Concatenate): a result of (None, 2000000000000) is too large");
}

static void test_dots(void **state)
{
    (void)state;
    refuse("Dot", "{}", "[[3], [3]]", "option 'axes' is missing");
    refuse("Dot", "axes: [1, 1, 1]", "[[3], [3]]",
           "it (Dot): axes: expected one axis or a list of two, found 3");
    refuse("Dot", "axes: [1]", "[[3], [3]]",
           "it (Dot): axes: a list has two axes, one for each input");
    refuse("Dot", "axes: [1, 0]", "[[3], [3]]",
           "it (Dot): axes: 0 is the samples' axis, which stays as it is");
    refuse("Dot", "axes: 2", "[[3, 2], [3]]", "it (Dot): axes: (None, 3) has no axis 2");
    refuse("Dot", "axes: -4", "[[3, 2], [3]]", "it (Dot): axes: (None, 3, 2) has no axis -4");
    refuse("Dot", "axes: [1, 2]", "[[3], [3, 2]]",
           "it (Dot): axis 1 of (None, 3) has 3 elements, axis 2 of (None, 3, 2) 2: they must be "
           "equal");
    refuse("Dot", "axes: 1", "[[2, 1, 1, 1, 1, 1], [2, 1, 1, 1, 1]]",
           "it (Dot): the result would have 9 axes, at most 8 are possible");
    refuse("Dot", "axes: 2", "[[2147483647, 2], [2147483647, 2]]",
           "it (Dot): a result of (None, 2147483647, 2147483647) is too large");
}

static void test_moved(void **state)
{
    (void)state;
    refuse("Permute", "dims: 1", "[3]", "it (Permute): dims: expected a list of axes, as [2, 1]");
    refuse("Permute", "dims: [1, 3]", "[3, 2]",
           "it (Permute): dims: each axis from 1 to 2 must stand in it once");
    refuse("Permute", "dims: [1, 1]", "[3, 2]",
           "it (Permute): dims: each axis from 1 to 2 must stand in it once");
    refuse("Permute", "dims: [0, 1]", "[3, 2]",
           "dims[0]: must be at least 1 and at most 8, found 0");
    refuse("Permute", "dims: [2, 1]", "[3, 2, 2]",
           "it (Permute): dims: 2 axes, but the input, (None, 3, 2, 2), has 3");
    refuse("RepeatVector", "n: 0", "[3]", "n: must be at least 1 and at most 2147483647, found 0");
    refuse("RepeatVector", "n: 2", "[3, 2]",
           "it (RepeatVector): the input needs one axis beside the samples, it is (None, 3, 2)");
    refuse("RepeatVector", "n: 2147483647", "[1000000]",
           "it (RepeatVector): a result of (None, 2147483647, 1000000) is too large");
    refuse("Masking", "mask_value: null", "[3]", "mask_value: must not be null");
    refuse("Masking", "{}", "[]",
           "it (Masking): the input needs at least one axis beside the samples, it is (None,)");
}

static void test_nothing_to_adapt_to(void **state)
{
    struct harness h;
    double sums[7] = {0};
    (void)state;
    NEED(harness_try(&h, "Normalization", "{}", "[3]"));
    assert_int_equal(h.layer.kind->adapter->finish(&h.layer, sums, h.weight), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "it (Normalization): there are no samples to adapt it to");
    harness_free(&h);
}

static void refuse_fill(const char *kind, const char *options, const char *shape_text,
                        const char *wanted)
{
    struct ls_tree *tree = parse_text(options);
    struct ls_shape shape = parse_shape(shape_text);
    struct ls_instance instance;
    float values[64];
    NEED(ls_instance_create(&instance, ls_kind_find(&ls_initializers, kind), tree, NULL));
    assert_int_equal(ls_initialize(&instance, values, &shape, 1, 0), LS_BAD_INPUT);
    assert_string_equal(ls_message(), wanted);
    ls_instance_release(&instance);
    ls_tree_free(tree);
}

static void test_initializers(void **state)
{
    (void)state;
    refuse_fill("Constant", "value: [1, 2]", "[3]",
                "Constant: value: expected one number, or 3 for the last axis, found 2");
    refuse_fill("Identity", "{}", "[3]", "Identity: the weight has 1 axes, it needs 2");
    refuse_fill("Orthogonal", "{}", "[3]",
                "Orthogonal: the weight has 1 axes, it needs at least 2");
    refuse_fill("RandomUniform", "minval: 2, maxval: 1", "[3]",
                "RandomUniform: minval 2 is above maxval 1");
    refuse_fill("GlorotUniform", "input_axes: [0]", "[3, 4]",
                "input_axes and output_axes are given together or not at all");
    refuse_fill("VarianceScaling", "input_axes: [0], output_axes: [2]", "[3, 4]",
                "the weight has 2 axes, no axis 2");
    refuse("Dense", "units: 1, kernel_initializer: {VarianceScaling: {scale: 0}}", "[2]",
           "VarianceScaling scale: must be above 0, found 0");
    refuse("Dense", "units: 1, kernel_initializer: {VarianceScaling: {mode: fan}}", "[2]",
           "VarianceScaling mode: must be one of fan_in, fan_out, fan_avg; "
           "found 'fan'");
    refuse("Dense", "units: 1, kernel_regularizer: {L1: {l1: -1}}", "[2]",
           "L1 l1: must be at least 0, found -1");
}

/* With a run file the message begins with its place. */
static void test_place(void **state)
{
    static char name[] = "it";
    static const char text[] = "model:\n  layers:\n    - Softmax:\n        axis: 1\n";
    struct ls_tree *tree;
    struct ls_instance instance;
    struct ls_call_shapes shapes = {.inputs = 1, .in[0] = {.rank = 2, .size = {2, 3}}};
    struct ls_call_needs needs = {0};
    const struct ls_kind *kind = ls_kind_find(&ls_layers, "Softmax");
    (void)state;
    NEED(ls_tree_parse_yaml(&tree, text, strlen(text), "run.yaml"));
    const struct ls_tree *place = ls_tree_find_path(tree, "model.layers.0")->child;
    NEED(ls_instance_create(&instance, kind, place, NULL));
    struct ls_layer layer = {
        .kind = ls_layer_kind_of(kind), .options = instance.options, .name = name, .place = place};
    assert_int_equal(layer.kind->shape(&layer, &shapes, &needs), LS_BAD_INPUT);
    assert_string_equal(ls_message(), "run.yaml:3: layers[0] Softmax: axis: only the last axis of "
                                      "(None, 2, 3) is supported: -1 or 2");
    ls_instance_release(&instance);
    ls_tree_free(tree);
}

static void test_noise(void **state)
{
    (void)state;
    refuse("Dropout", "rate: 0.5, noise_shape: [null, 1]", "[2, 3]",
           "it (Dropout): noise_shape: expected a list of 3 sizes, as of the input (None, 2, 3)");
    refuse("Dropout", "rate: 0.5, noise_shape: 1", "[]",
           "it (Dropout): noise_shape: expected a list of 1 sizes, as of the input (None,)");
    refuse(
        "Dropout", "rate: 0.5, noise_shape: [32, 1]", "[2]",
        "it (Dropout): noise_shape: the first size, of the samples, must be null: each sample is "
        "dropped by itself");
    refuse("AlphaDropout", "rate: 0.5, noise_shape: [null, 1, 2]", "[2, 3]",
           "it (AlphaDropout): noise_shape: 2 does not fit axis 2 of the input (None, 2, 3), it "
           "must be 1, null or its size");
    refuse("Dropout", "rate: 0.5, noise_shape: [null, 0]", "[2]",
           "noise_shape[1]: must be at least 1 and at most 2147483647, found 0");
    refuse("AlphaDropout", "rate: 1", "[2]", "rate: must be at least 0 and below 1, found 1");
    refuse("GaussianDropout", "rate: 1", "[2]", "rate: must be at least 0 and below 1, found 1");
    refuse("GaussianNoise", "stddev: 2", "[2]",
           "stddev: must be at least 0 and at most 1, found 2");
    refuse("SpatialDropout1D", "rate: 0.5", "[2]",
           "it (SpatialDropout1D): the input needs 2 axes beside the samples, it is (None, 2)");
    refuse("SpatialDropout2D", "rate: 0.5", "[2, 3]",
           "it (SpatialDropout2D): the input needs 3 axes beside the samples, it is (None, 2, 3)");
    refuse("PReLU", "shared_axes: [3]", "[2, 3]",
           "it (PReLU): shared_axes: (None, 2, 3) has no axis 3");
}

static void test_augmentation(void **state)
{
    (void)state;
    refuse("RandomFlip", "{}", "[2, 3]",
           "it (RandomFlip): the input needs 3 axes (height, width, channels) beside the samples, "
           "it is (None, 2, 3)");
    refuse("RandomFlip", "mode: across", "[2, 3, 1]",
           "mode: must be one of horizontal, vertical, horizontal_and_vertical; found 'across'");
    refuse("RandomFlip", "data_format: channels_first", "[2, 3, 1]",
           "data_format: is not supported: data is laid out channels last");
    refuse(
        "RandomRotation", "factor: [0.1]", "[2, 3, 1]",
        "it (RandomRotation): factor: expected a number or a pair of numbers, found a list of 1");
    refuse("RandomRotation", "factor: 1.5", "[2, 3, 1]",
           "factor: must be at least -1 and at most 1, found 1.5");
    refuse("RandomTranslation", "height_factor: [0.1, 0.2, 0.3], width_factor: 0", "[2, 3, 1]",
           "it (RandomTranslation): height_factor: expected a number or a pair of numbers, found a "
           "list of 3");
    refuse("RandomTranslation", "height_factor: 0.1", "[2, 3, 1]",
           "option 'width_factor' is missing");
    refuse("RandomZoom", "height_factor: 0.1, width_factor: [0.1]", "[2, 3, 1]",
           "it (RandomZoom): width_factor: expected a number or a pair of numbers, found a list of "
           "1");
    refuse("RandomZoom", "height_factor: -1", "[2, 3, 1]",
           "height_factor: must be above -1 and at most 1, found -1");
    refuse("RandomZoom", "height_factor: 0.1, fill_mode: mirror", "[2, 3, 1]",
           "fill_mode: must be one of reflect, wrap, constant, nearest; found 'mirror'");
    refuse("RandomZoom", "height_factor: 0.1, interpolation: bicubic", "[2, 3, 1]",
           "interpolation: must be one of nearest, bilinear; found 'bicubic'");
}

static void test_categories(void **state)
{
    (void)state;
    refuse("CategoryEncoding", "{}", "[3]", "option 'num_tokens' is missing");
    refuse("CategoryEncoding", "num_tokens: 20000000", "[3]",
           "num_tokens: must be at least 1 and at most 16777216, found 20000000");
    refuse("CategoryEncoding", "num_tokens: 3, output_mode: int", "[3]",
           "output_mode: must be one of one_hot, multi_hot, count; found 'int'");
    refuse("CategoryEncoding", "num_tokens: 3, sparse: true", "[3]",
           "sparse: is not supported: results are dense");
    refuse("CategoryEncoding", "num_tokens: 3", "[3, 2]",
           "it (CategoryEncoding): output_mode multi_hot needs one axis beside the samples, the "
           "input is (None, 3, 2)");
    refuse("CategoryEncoding", "num_tokens: 3, output_mode: count", "[]",
           "it (CategoryEncoding): output_mode count needs one axis beside the samples, the input "
           "is (None,)");
    refuse("CategoryEncoding", "num_tokens: 3", "[[3], [3]]",
           "it (CategoryEncoding): count_weights are for output_mode count only, it is multi_hot");
    refuse("CategoryEncoding", "num_tokens: 3, output_mode: count", "[[3], [2]]",
           "it (CategoryEncoding): count_weights (None, 2) do not have the shape of the input, "
           "(None, 3)");
    refuse("CategoryEncoding", "num_tokens: 3, output_mode: one_hot", "[2, 2, 2, 2, 2, 2, 2, 2]",
           "it (CategoryEncoding): the input has 8 axes beside the samples, at most 7 fit");
    refuse("CategoryEncoding", "num_tokens: 16777216, output_mode: one_hot", "[1000000]",
           "it (CategoryEncoding): a result of (None, 1000000, 16777216) is too large");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_batch_normalization),
        cmocka_unit_test(test_group_norms),
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_keras_input),
        cmocka_unit_test(test_preprocessing),
        cmocka_unit_test(test_nothing_to_adapt_to),
        cmocka_unit_test(test_initializers),
        cmocka_unit_test(test_place),
        cmocka_unit_test(test_numbers_of_inputs),
        cmocka_unit_test(test_merges),
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_moved),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_augmentation),
        cmocka_unit_test(test_categories),
    };
    return cmocka_run_group_tests(tests, test_kernels, NULL);
}
