/* TensorBoard's event files: TensorFlow's own bytes, files of several starts, pictures. */
#include "unit/store_test.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>

#include "store/events.h"
#include "store/protobuf.h"
#include "unit/events_reader.h"

static const struct ls_events_file first = {.run = 7, .number = 0};

/* -- the same events as tests/reference/events.py has TensorFlow write */

static void add_scalars(struct ls_events *events)
{
    ls_events_scalar(events, "epoch_loss", 0, 0.1);
    ls_events_scalar(events, "batch_accuracy", 300, -2.5e-3);
}

static void add_histograms(struct ls_events *events)
{
    float values[101], same[5] = {0.25F, 0.25F, 0.25F, 0.25F, 0.25F};
    for (int i = 0; i < 101; i++)
        values[i] = (float)(i * 7 % 101 - 40) / 51;
    ls_events_histogram(events, "hidden/kernel/histogram", 2, values, 101);
    ls_events_histogram(events, "hidden/bias/histogram", 2, same, 5);
}

static void add_text(struct ls_events *events)
{
    struct ls_event_value value = {.tag = "keras", .plugin = "graph_keras_model", .content = "1"};
    struct ls_text text = {0};
    ls_text_append(&text, "{\"class_name\": \"Sequential\"}");
    ls_event_tensor(&value.tensor, LS_EVENT_STRING, NULL, 0);
    ls_proto_message(&value.tensor, LS_EVENT_TEXTS, &text);
    ls_events_value(events, 0, &value);
}

/* But for the wall time, the first nine bytes. */
static void assert_same_event(struct bytes mine, struct bytes theirs)
{
    enum { WALL_TIME = 9 };
    assert_int_equal(mine.length, theirs.length);
    assert_memory_equal(mine.data + WALL_TIME, theirs.data + WALL_TIME, mine.length - WALL_TIME);
}

static void test_tensorflow(void **state)
{
    (void)state;
    static struct records theirs, mine;
    struct ls_events *events;
    struct ls_model *model = make_model("model: {input: {shape: 4}, layers: "
                                        "[{Dense: {units: 3, name: hidden}}, "
                                        "{Dense: {units: 2, name: out}}]}");
    assert_ok(ls_events_open(&events, "logs/train", &first));
    add_scalars(events);
    add_histograms(events);
    add_text(events);
    assert_ok(ls_events_model(events, model));
    assert_ok(ls_events_flush(events));
    ls_events_close(events);
    ls_model_free(model);
    read_records(&theirs, TEST_DIRECTORY "/reference/events_ref.tfevents");
    read_directory(&mine, "logs/train");
    assert_int_equal(theirs.count, 7);
    assert_int_equal(mine.count, 8); /* and Keras' config */
    assert_true(says(field_of(mine.record[0], 3), "brain.Event:2"));
    assert_true(says(field_of(theirs.record[0], 3), "brain.Event:2"));
    for (size_t i = 1; i < theirs.count; i++)
        assert_same_event(mine.record[i], theirs.record[i]);
}

/* -- the graph */

static struct bytes find_node(struct bytes graph, const char *name)
{
    struct bytes node;
    for (int n = 0; (node = field_at(graph, 1, n, NULL)).data; n++)
        if (says(field_of(node, 1), name))
            return node;
    fail_msg("the graph has no node '%s'", name);
    return node;
}

static void test_graph(void **state)
{
    (void)state;
    static struct records all;
    struct ls_events *events;
    struct ls_model *model = make_model("model:\n"
                                        "  inputs: {a: {shape: [5, 4]}, b: {shape: [5, 4]}}\n"
                                        "  layers:\n"
                                        "    - Masking: {name: masked}\n"
                                        "      from: a\n"
                                        "    - LSTM: {units: 3, name: both}\n"
                                        "      as: left\n"
                                        "    - apply: both\n"
                                        "      from: b\n"
                                        "      as: right\n"
                                        "    - Concatenate: {name: joined}\n"
                                        "      from: [left, right]\n"
                                        "    - Dense: {units: 2, name: out}\n"
                                        "  outputs: [out]\n");
    assert_ok(ls_events_open(&events, "logs", &first));
    assert_ok(ls_events_model(events, model));
    assert_ok(ls_events_flush(events));
    ls_events_close(events);
    ls_model_free(model);
    read_directory(&all, "logs");
    struct bytes graph = field_of(all.record[1], 4), node = find_node(graph, "joined");
    assert_true(says(field_of(node, 2), "Concatenate"));
    assert_true(says(field_at(node, 3, 0, NULL), "both"));
    assert_true(says(field_at(node, 3, 1, NULL), "both.2"));
    node = find_node(graph, "both");
    assert_true(says(field_at(node, 3, 0, NULL), "masked"));
    assert_null(field_at(node, 3, 1, NULL).data); /* masks are none of the graph's */
    assert_true(says(field_of(find_node(graph, "both.2"), 3), "b"));
    assert_null(field_at(graph, 1, 7, NULL).data); /* a, b, masked, both, both.2, joined, out */
    assert_true(has_tag(all.record[2], "keras"));
}

/* -- values that are not finite, and none */

static double bucket_number(struct bytes event, int bucket, int number)
{
    double value;
    struct bytes content = field_of(tensor_of(event), 4);
    assert_int_equal(content.length, 30 * 3 * sizeof value);
    memcpy(&value, content.data + (size_t)(bucket * 3 + number) * sizeof value, sizeof value);
    return value;
}

static void test_not_finite(void **state)
{
    (void)state;
    static struct records all;
    struct ls_events *events;
    const float some[] = {NAN, 1, INFINITY, 4, -INFINITY}, none[] = {NAN, INFINITY};
    assert_ok(ls_events_open(&events, "logs", &first));
    ls_events_histogram(events, "some", 0, some, 5);
    ls_events_histogram(events, "none", 0, none, 2);
    assert_ok(ls_events_flush(events));
    ls_events_close(events);
    read_directory(&all, "logs");
    assert_true(bucket_number(all.record[1], 0, 0) == 1);
    assert_true(bucket_number(all.record[1], 0, 2) == 1);
    assert_true(bucket_number(all.record[1], 29, 1) == 4);
    assert_true(bucket_number(all.record[1], 29, 2) == 1);
    for (int i = 0; i < 30; i++)
        assert_true(bucket_number(all.record[2], i, i % 3) == 0);
}

/* -- pictures */

static size_t big(const uint8_t *bytes)
{
    return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3];
}

static void test_pictures(void **state)
{
    (void)state;
    static struct records all;
    enum { WIDTH = 3, HEIGHT = 2, CHANNELS = 3, BYTES = WIDTH * HEIGHT * CHANNELS };
    struct ls_events *events;
    uint8_t pixel[BYTES], raw[BYTES + HEIGHT];
    for (int i = 0; i < BYTES; i++)
        pixel[i] = (uint8_t)(i * 13);
    const struct ls_picture picture = {WIDTH, HEIGHT, CHANNELS, pixel};
    assert_ok(ls_events_open(&events, "logs", &first));
    assert_ok(ls_events_pictures(
        events, 4,
        &(struct ls_event_pictures){.tag = "p", .help = "help", .picture = &picture, .count = 1}));
    assert_ok(ls_events_flush(events));
    ls_events_close(events);
    read_directory(&all, "logs");
    struct bytes tensor = tensor_of(all.record[1]), png = field_at(tensor, 8, 2, NULL);
    assert_true(says(field_at(tensor, 8, 0, NULL), "3"));
    assert_true(says(field_at(tensor, 8, 1, NULL), "2"));
    assert_true(says(field_of(field_of(value_of(all.record[1]), 9), 3), "help"));
    assert_memory_equal(png.data, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\3\0\0\0\2\x8\2\0\0\0", 29);
    for (size_t at = 8; at < png.length; at += 12 + big(png.data + at))
        assert_int_equal(crc32(0, png.data + at + 4, (unsigned)big(png.data + at) + 4),
                         big(png.data + at + 8 + big(png.data + at)));
    unsigned long length = sizeof raw;
    assert_memory_equal(png.data + 37, "IDAT", 4);
    assert_int_equal(uncompress(raw, &length, png.data + 41, big(png.data + 33)), Z_OK);
    assert_int_equal(length, sizeof raw);
    for (int y = 0; y < HEIGHT; y++) {
        assert_int_equal(raw[y * (WIDTH * CHANNELS + 1)], 0);
        assert_memory_equal(raw + y * (WIDTH * CHANNELS + 1) + 1, pixel + y * WIDTH * CHANNELS,
                            WIDTH * CHANNELS);
    }
}

/* -- several starts */

/* Writes steps from..to and returns the bytes after step `mark`. */
static int64_t write_steps(const struct ls_events_file *file, int from, int to, int mark)
{
    struct ls_events *events;
    int64_t bytes = 0;
    assert_ok(ls_events_open(&events, "logs", file));
    for (int step = from; step <= to; step++) {
        ls_events_scalar(events, "loss", step, step);
        assert_ok(ls_events_flush(events));
        if (step == mark)
            bytes = ls_events_bytes(events);
    }
    ls_events_close(events);
    return bytes;
}

static void assert_steps(int steps)
{
    static struct records all;
    int64_t expected = 1;
    read_directory(&all, "logs");
    for (size_t i = 0; i < all.count; i++)
        if (has_tag(all.record[i], "loss")) {
            assert_int_equal(step_of(all.record[i]), expected);
            expected++;
        }
    assert_int_equal(expected - 1, steps);
}

/* Checkpoints at steps 3 and 5; the start from the first one is lost, and its file with it. Files
 * of other runs stay. */
static void test_starts(void **state)
{
    (void)state;
    struct ls_events_file other = {.run = 8, .number = 0}, next = {.run = 7, .number = 1};
    struct ls_events *events;
    assert_ok(ls_events_open(&events, "logs", &other));
    ls_events_close(events);
    next.kept = write_steps(&first, 1, 6, 3);
    write_steps(&next, 4, 9, 0);
    int64_t kept = write_steps(&next, 4, 7, 5);
    write_steps(&(struct ls_events_file){.run = 7, .number = 2, .kept = kept}, 6, 8, 0);
    assert_steps(8);
    write_steps(&(struct ls_events_file){.run = 7, .number = -1}, 9, 10, 0);
    assert_steps(10);
    write_steps(&first, 1, 2, 0); /* all anew */
    assert_steps(2);
    static struct records all;
    read_directory(&all, "logs");
    assert_int_equal(all.count, 1 + 1 + 2);
}

static void test_runs(void **state)
{
    (void)state;
    assert_int_equal(ls_events_run("/a"), ls_events_run("/a"));
    assert_int_not_equal(ls_events_run("/a"), ls_events_run("/b"));
    assert_int_not_equal(ls_events_run(NULL), ls_events_run(NULL));
    assert_in_range(ls_events_run("/a"), 0, (int64_t)1 << 48);
}

/* -- what cannot be written */

static void test_cannot_write(void **state)
{
    (void)state;
    struct ls_events *events;
    write_bytes("file", "", 0);
    assert_fails(ls_events_open(&events, "file/train", &first), LS_CANNOT_WRITE,
                 "cannot write 'file': Not a directory");
    assert_null(events);
}

/* No more room: the file ends with a whole record. */
static void test_full(void **state)
{
    (void)state;
    enum { LIMIT = 1000 };
    static struct records all;
    struct ls_events *events;
    struct rlimit before, limit;
    ls_status status = LS_OK;
    assert_ok(ls_events_open(&events, "logs", &first));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_IGN);
    limit = before;
    limit.rlim_cur = LIMIT;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int steps = 0;
    for (; steps < LIMIT && status == LS_OK; steps++) {
        ls_events_scalar(events, "loss", steps, 0);
        status = ls_events_flush(events);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, LS_CANNOT_WRITE);
    assert_non_null(strstr(ls_message(), "logs/events.out.tfevents."));
    assert_non_null(strstr(ls_message(), "File too large"));
    int64_t bytes = ls_events_bytes(events);
    ls_events_close(events);
    read_directory(&all, "logs");
    assert_int_equal(all.count, steps); /* the version, and all steps but the last */
    assert_in_range(bytes, LIMIT - 100, LIMIT);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct ls_events *events;
    long n = 0;
    ls_status status;
    do { /* each allocation in turn */
        ls_memory_fail_at(++n);
        status = ls_events_open(&events, "logs", &first);
        if (status == LS_OK) {
            add_histograms(events);
            add_text(events);
            status = ls_events_flush(events);
        }
        ls_events_close(events);
        ls_memory_fail_at(0);
    } while (status != LS_OK && n < 1000);
    assert_in_range(n, 10, 999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_tensorflow), scratch_test(test_graph),
        scratch_test(test_not_finite), scratch_test(test_pictures),
        scratch_test(test_starts),     scratch_test(test_runs),
        scratch_test(test_full),       scratch_test(test_cannot_write),
        scratch_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, start_kernels, NULL);
}
