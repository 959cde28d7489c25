/* Some real steps of the training: what one takes, where, and how long the run will take. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "check/check.h"
#include "report/line.h"
#include "train/profile.h"

enum { LEAST = 2, MOST = 50 };
static const double budget = 0.5; /* seconds, after the first step */

struct trial {
    double seconds; /* a step */
    int64_t steps;
};

/* The first step makes memory and warms up, and is not counted. Rank 0's clock says when it is
 * enough. */
static ls_status measure(struct ls_comm *comm, struct ls_fit_run *fit, struct trial *trial)
{
    bool enough = false;
    LS_TRY(ls_fit_try(fit));
    double began = ls_seconds(), passed = 0;
    while (!enough) {
        LS_TRY(ls_fit_try(fit));
        trial->steps++;
        passed = ls_seconds() - began;
        enough = trial->steps >= LEAST && (passed > budget || trial->steps >= MOST);
        ls_comm_broadcast(comm, &enough, sizeof enough, 0);
    }
    trial->seconds = passed / (double)trial->steps;
    return LS_OK;
}

/* "forward 40%, backward 50%, combine 3%, ...": in a step of rank 0. */
static void append_parts(struct ls_text *text, const struct ls_run_profile *profile)
{
    enum { FORWARD, BACKWARD, COMBINE, OPTIMIZER, DATA, REST, PARTS };
    static const char *const names[PARTS] = {"forward",   "backward", "combine",
                                             "optimizer", "data",     "rest"};
    double part[PARTS] = {0};
    for (size_t i = 0; i < profile->count; i++) {
        const struct ls_run_profile_row *row = &profile->rows[i];
        int which = REST;
        if (row->kind) {
            part[FORWARD] += row->forward_seconds;
            part[BACKWARD] += row->backward_seconds;
            continue;
        }
        for (int name = COMBINE; name < REST; name++)
            if (strncmp(row->name, names[name], strlen(names[name])) == 0)
                which = name;
        part[which] += row->seconds;
    }
    for (int i = 0; i < PARTS && profile->step_seconds > 0; i++)
        ls_text_append(text, "%s%s %.0f%%", i ? ", " : "", names[i],
                       100 * part[i] / profile->step_seconds);
}

static void tell_rest(struct ls_checker *checker, const struct trial *trial)
{
    const struct ls_session *session = &checker->session;
    const int64_t steps = ls_fit_state(session->fit)->steps;
    const int64_t all = session->config.fit.epochs * steps;
    const int64_t done = session->position.epoch * steps + session->position.step;
    const double seconds = (double)(all - done) * trial->seconds;
    struct ls_text text = {0};
    if (all <= done) /* it is told of the directory that the run is finished */
        return;
    ls_line_duration(&text, seconds);
    ls_check_add(checker->check, LS_CHECK_OK, "steps",
                 "%lld steps%s: about %s, without validation and checkpoints",
                 (long long)(all - done), done ? " are left" : "", text.data ? text.data : "");
    ls_check_figure(checker->check, "run_seconds", seconds);
    ls_text_release(&text);
}

static ls_status tell(struct ls_checker *checker, const struct trial *trial)
{
    const struct ls_fit_options *fit = &checker->session.config.fit;
    const int64_t samples = ls_data_samples(checker->session.data.train);
    const double batch = (double)(fit->batch_size < samples ? fit->batch_size : samples);
    struct ls_run_profile profile;
    struct ls_text text = {0};
    LS_TRY(ls_fit_profile(checker->session.fit, &profile));
    ls_line_step_time(&text, trial->seconds);
    ls_text_append(&text, ", %.0f samples/s: ", batch / trial->seconds);
    append_parts(&text, &profile);
    ls_check_add(checker->check, LS_CHECK_OK, "steps", "%s", text.data ? text.data : "");
    ls_check_figure(checker->check, "step_seconds", trial->seconds);
    tell_rest(checker, trial);
    ls_text_release(&text);
    ls_profile_table_release(&profile);
    return LS_OK;
}

ls_status ls_check_steps(struct ls_checker *checker)
{
    struct trial trial = {0};
    ls_status status = measure(checker->comm, checker->session.fit, &trial);
    if (ls_checker_fails(checker, "steps", status))
        return LS_OK;
    status = ls_checker_writes(checker) ? tell(checker, &trial) : LS_OK;
    return ls_comm_agree(checker->comm, status);
}
