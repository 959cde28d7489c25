#include "train/identity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "train/config.h"
#include "train/learnt.h"

enum { HEX_TEXT = 17 };

/* -- making
 * ------------------------------------------------------------------------------------------ */

static ls_status digest(char text[33], struct ls_data *data)
{
    struct ls_digest digest;
    *text = '\0';
    if (!data)
        return LS_OK;
    LS_TRY(ls_data_fingerprint(data, &digest));
    ls_digest_format(text, digest);
    return LS_OK;
}

ls_status ls_identity_make(struct ls_identity *identity, struct ls_data *train,
                           struct ls_data *validation)
{
    LS_TRY(ls_learnt_check(train)); /* now, not at the first checkpoint */
    identity->data = train;
    identity->threads = ls_kernels_threads();
    LS_TRY(digest(identity->train, train));
    return digest(identity->validation, validation);
}

ls_status ls_identity_probe(struct ls_identity *identity, const struct ls_fit_run *fit)
{
    ls_status fixed = ls_kernels_identity(&identity->kernels);
    identity->fixed = identity->kernels.probe;
    ls_status plan = ls_fit_probe(fit, &identity->kernels.probe);
    return fixed == LS_OK ? plan : fixed;
}

/* -- agreeing
 * ---------------------------------------------------------------------------------------- */

/* Sets from the one that every CPU has upwards. */
static int rank_of_set(const char *set)
{
    static const char *const sets[] = {"baseline", "avx2", "avx512"};
    for (int i = 0; i < 3; i++)
        if (strcmp(set, sets[i]) == 0)
            return i;
    return 0;
}

static ls_status kernels_differ(const struct ls_kernel_identity *all, struct ls_comm *comm,
                                int other)
{
    const struct ls_kernel_identity *first = &all[0], *second = &all[other];
    const char *lowest = first->set;
    for (int r = 1; r < ls_comm_size(comm); r++)
        if (rank_of_set(all[r].set) < rank_of_set(lowest))
            lowest = all[r].set;
    bool versions = strcmp(first->blas_version, second->blas_version) != 0 ||
                    strcmp(first->onednn_version, second->onednn_version) != 0 ||
                    strcmp(first->sleef_version, second->sleef_version) != 0;
    bool sets = strcmp(first->set, second->set) != 0 ||
                strcmp(first->blas_core, second->blas_core) != 0 ||
                strcmp(first->onednn_isa, second->onednn_isa) != 0;
    char remedy[192];
    if (versions)
        snprintf(remedy, sizeof remedy, "the hosts need the same versions of the libraries");
    else if (sets)
        snprintf(remedy, sizeof remedy, "set LOCKSTEP_KERNELS=%s for all of them", lowest);
    else
        snprintf(remedy, sizeof remedy, "their processors (%s, %s) differ: take hosts of one kind",
                 first->cpu, second->cpu);
    return ls_fail(
        LS_FAILED,
        "ranks compute differently: rank 0 (host %s) with %s, OpenBLAS %s %s, oneDNN %s; "
        "rank %d (host %s) with %s, OpenBLAS %s %s, oneDNN %s: %s",
        ls_comm_host(comm, 0), first->set, first->blas_version, first->blas_core,
        first->onednn_version, other, ls_comm_host(comm, other), second->set, second->blas_version,
        second->blas_core, second->onednn_version, remedy);
}

ls_status ls_identity_agree_kernels(const struct ls_identity *identity, struct ls_comm *comm)
{
    struct ls_kernel_identity *all = NULL;
    int size = ls_comm_size(comm);
    ls_status status = ls_allocate(&all, (size_t)size, sizeof *all);
    LS_TRY_OUT(ls_comm_agree(comm, status));
    ls_comm_allgather(comm, all, &identity->kernels, sizeof *all);
    for (int r = 1; r < size && status == LS_OK; r++)
        if (all[r].probe != all[0].probe)
            status = kernels_differ(all, comm, r);
out:
    ls_release(all);
    return status;
}

ls_status ls_identity_agree(const struct ls_identity *identity, struct ls_comm *comm)
{
    uint64_t hash = ls_hash64(identity->train, sizeof identity->train, 0) ^
                    ls_hash64(identity->validation, sizeof identity->validation, 1);
    return ls_comm_same(comm, hash, "the data");
}

/* -- writing
 * ----------------------------------------------------------------------------------------- */

static void hex(char text[HEX_TEXT], uint64_t value)
{
    snprintf(text, HEX_TEXT, "%016" PRIx64, value);
}

static void write_kernels(struct ls_tree *map, const struct ls_identity *identity)
{
    const struct ls_kernel_identity *kernels = &identity->kernels;
    char text[HEX_TEXT], fixed[HEX_TEXT];
    hex(text, kernels->probe);
    hex(fixed, identity->fixed);
    ls_tree_add_text(map, "set", kernels->set);
    ls_tree_add_text(map, "openblas", kernels->blas_version);
    ls_tree_add_text(map, "core", kernels->blas_core);
    ls_tree_add_text(map, "onednn", kernels->onednn_version);
    ls_tree_add_text(map, "sleef", kernels->sleef_version);
    ls_tree_add_text(map, "probe", text);
    ls_tree_add_text(map, "fixed_probe", fixed);
}

/* What earlier starts accepted, and what this one does. */
static void write_accepted(struct ls_tree *list, const char *const *accept,
                           const struct ls_tree *before)
{
    const struct ls_tree *earlier = before ? ls_tree_find(before, "accepted") : NULL;
    for (const struct ls_tree *key = earlier ? earlier->child : NULL; key; key = key->next)
        ls_tree_add_text(list, NULL, key->text);
    for (size_t i = 0; accept && accept[i]; i++)
        ls_tree_add_text(list, NULL, accept[i]);
}

ls_status ls_identity_write(struct ls_tree **state, const struct ls_identity *identity,
                            const struct ls_position *position, const struct ls_tree *before)
{
    struct ls_tree *map = ls_tree_new(LS_TREE_MAP);
    struct ls_tree *place = map ? ls_tree_add(map, "position", LS_TREE_MAP) : NULL;
    struct ls_tree *kernels = map ? ls_tree_add(map, "kernels", LS_TREE_MAP) : NULL;
    struct ls_tree *data = map ? ls_tree_add(map, "data", LS_TREE_MAP) : NULL;
    struct ls_tree *accepted = map ? ls_tree_add(map, "accepted", LS_TREE_LIST) : NULL;
    if (!place || !kernels || !data || !accepted) {
        ls_tree_free(map);
        return ls_fail(LS_FAILED, "out of memory");
    }
    ls_tree_add_int(place, "epoch", position->epoch);
    ls_tree_add_int(place, "step", position->step);
    ls_tree_add_int(place, "iteration", position->iteration);
    ls_tree_add_int(place, "before", position->before);
    if (position->ended)
        ls_tree_add_int(place, "ended", position->ended);
    if (position->steered)
        ls_tree_add_double(place, "learning_rate", position->learning_rate);
    ls_tree_add_int(map, "replicas", identity->replicas);
    ls_tree_add_int(map, "threads", identity->threads);
    write_kernels(kernels, identity);
    ls_tree_add_text(data, "train", identity->train);
    ls_tree_add_text(data, "validation", identity->validation);
    write_accepted(accepted, identity->accept, before);
    ls_tree_add_copy(map, "run", identity->run);
    ls_status status = ls_learnt_write(map, identity->data, before);
    if (status == LS_OK)
        status = ls_tree_status(map);
    if (status == LS_OK)
        *state = map;
    else
        ls_tree_free(map);
    return status;
}

/* -- checking
 * ---------------------------------------------------------------------------------------- */

static bool accepts(const struct ls_identity *identity, const char *key)
{
    for (size_t i = 0; identity->accept && identity->accept[i]; i++)
        if (strcmp(identity->accept[i], key) == 0)
            return true;
    return false;
}

static const char *text_at(const struct ls_tree *state, const char *path)
{
    const struct ls_tree *node = ls_tree_find_path(state, path);
    return node && node->type == LS_TREE_SCALAR ? node->text : "";
}

static ls_status changed(const char *what, const char *before, const char *now, const char *key)
{
    return ls_fail(LS_BAD_INPUT,
                   "the run was started with %s %s, now it is %s (--accept %s takes the change)",
                   what, *before ? before : "(none)", *now ? now : "(none)", key);
}

/* Whether another plan was accepted: then only the fixed probe can be compared. */
static bool accepts_plan(const struct ls_identity *identity)
{
    static const char *const rooms[] = {"model", "compile"};
    static const char *const keys[] = {"fit", "fit.batch_size", "fit.batchnorm"};
    bool found = false;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        found |= accepts(identity, keys[i]);
    for (size_t i = 0; identity->accept && identity->accept[i]; i++)
        for (size_t r = 0; r < sizeof rooms / sizeof *rooms; r++)
            found |= strncmp(identity->accept[i], rooms[r], strlen(rooms[r])) == 0;
    return found;
}

static bool same_threads(const struct ls_identity *identity, const struct ls_tree *state)
{
    char now[32];
    snprintf(now, sizeof now, "%lld", (long long)identity->threads);
    return strcmp(now, text_at(state, "threads")) == 0;
}

static bool same_kernels(const struct ls_identity *identity, const struct ls_tree *state)
{
    const bool plan = accepts_plan(identity);
    char text[HEX_TEXT];
    hex(text, plan ? identity->fixed : identity->kernels.probe);
    return strcmp(text, text_at(state, plan ? "kernels.fixed_probe" : "kernels.probe")) == 0;
}

/* Other threads, which were accepted, compute otherwise: nothing can be compared. */
ls_status ls_identity_check_kernels(const struct ls_identity *identity, const struct ls_tree *state)
{
    const struct ls_kernel_identity *now = &identity->kernels;
    char text[HEX_TEXT], kernels[160], before[160];
    hex(text, now->probe);
    if (accepts(identity, "kernels") || !same_threads(identity, state) ||
        same_kernels(identity, state))
        return LS_OK;
    snprintf(kernels, sizeof kernels, "%s, OpenBLAS %s %s, oneDNN %s, probe %s", now->set,
             now->blas_version, now->blas_core, now->onednn_version, text);
    snprintf(before, sizeof before, "%s, OpenBLAS %s %s, oneDNN %s, probe %s",
             text_at(state, "kernels.set"), text_at(state, "kernels.openblas"),
             text_at(state, "kernels.core"), text_at(state, "kernels.onednn"),
             text_at(state, "kernels.probe"));
    return changed("the kernels", before, kernels, "kernels");
}

static ls_status check_data(const struct ls_identity *identity, const struct ls_tree *state)
{
    if (accepts(identity, "data"))
        return LS_OK;
    if (strcmp(identity->train, text_at(state, "data.train")) != 0)
        return changed("training data of digest", text_at(state, "data.train"), identity->train,
                       "data");
    if (strcmp(identity->validation, text_at(state, "data.validation")) != 0)
        return changed("validation data of digest", text_at(state, "data.validation"),
                       identity->validation, "data");
    return LS_OK;
}

ls_status ls_identity_check(const struct ls_identity *identity, const struct ls_tree *state)
{
    const struct ls_tree *run = ls_tree_find(state, "run");
    char now[32];
    if (run)
        LS_TRY(ls_config_same(identity->run, run, identity->accept));
    snprintf(now, sizeof now, "%lld", (long long)identity->replicas);
    if (strcmp(now, text_at(state, "replicas")) != 0)
        return ls_fail(LS_BAD_INPUT,
                       "the run has %s replicas for its whole life, not %s: leave out --replicas",
                       text_at(state, "replicas"), now);
    snprintf(now, sizeof now, "%lld", (long long)identity->threads);
    if (!same_threads(identity, state) && !accepts(identity, "threads"))
        return changed("threads a rank:", text_at(state, "threads"), now, "threads");
    return check_data(identity, state);
}

static ls_status int_at(const struct ls_tree *state, const char *path, int64_t *value)
{
    const struct ls_tree *node = ls_tree_find_path(state, path);
    if (!node)
        return ls_fail(LS_BAD_INPUT, "the checkpoint has no state '%s'", path);
    return ls_tree_int(node, value);
}

ls_status ls_state_position(const struct ls_tree *state, struct ls_position *position)
{
    LS_TRY(int_at(state, "position.epoch", &position->epoch));
    LS_TRY(int_at(state, "position.step", &position->step));
    LS_TRY(int_at(state, "position.iteration", &position->iteration));
    const struct ls_tree *before = ls_tree_find_path(state, "position.before");
    const struct ls_tree *ended = ls_tree_find_path(state, "position.ended");
    const struct ls_tree *rate = ls_tree_find_path(state, "position.learning_rate");
    if (before)
        LS_TRY(ls_tree_int(before, &position->before));
    position->steered = rate != NULL;
    if (rate)
        LS_TRY(ls_tree_double(rate, &position->learning_rate));
    return ended ? ls_tree_int(ended, &position->ended) : LS_OK;
}

ls_status ls_state_replicas(const struct ls_tree *state, int64_t *replicas)
{
    return int_at(state, "replicas", replicas);
}
