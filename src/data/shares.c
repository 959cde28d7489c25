#include "data/shares.h"

#include <math.h>
#include <string.h>

#include "base/number.h"
#include "data/output.h"

static ls_status parse_shares(struct ls_shares *shares, const char *text)
{
    static const char *const two[] = {"train", "test"};
    static const char *const three[] = {"train", "validation", "test"};
    double sum = 0;

    for (const char *at = text; at && !isnan(sum);) {
        const char *comma = strchr(at, ',');
        size_t length = comma ? (size_t)(comma - at) : strlen(at);
        char share[32] = "";
        double value = 0;

        if (length < sizeof share)
            memcpy(share, at, length);
        if (ls_number_form(share) != LS_NUMBER_REAL || !ls_double_parse(share, &value) ||
            value <= 0 || shares->count == LS_SHARES_MAX)
            value = NAN; /* which no sum makes 1 */
        else
            shares->share[shares->count++] = value;
        sum += value;
        at = comma ? comma + 1 : NULL;
    }
    if (shares->count < 2 || !(fabs(sum - 1) < 1e-6))
        return ls_fail(LS_USAGE,
                       "split '%s': shares must be positive and add up to 1, two or three of "
                       "them, as 0.8,0.2 (train,test) or 0.7,0.1,0.2 (train,validation,test)",
                       text);
    for (size_t i = 0; i < shares->count; i++)
        shares->name[i] = shares->count == 2 ? two[i] : three[i];
    return LS_OK;
}

ls_status ls_shares_parse(struct ls_shares *shares, const char *text)
{
    *shares = (struct ls_shares){0};
    if (!text)
        text = "train";
    if (ls_output_is_shares(text))
        return parse_shares(shares, text);
    LS_TRY(ls_output_check_split(text));
    *shares = (struct ls_shares){.count = 1, .name = {text}, .share = {1}};
    return LS_OK;
}

ls_status ls_shares_divide(struct ls_shares *shares, int64_t samples)
{
    int64_t begin = 0;
    double sum = 0;

    for (size_t i = 0; i < shares->count; i++) {
        int64_t end;

        sum += shares->share[i];
        end = i + 1 == shares->count ? samples : llround(sum * (double)samples);
        shares->samples[i] = end - begin;
        if (end == begin)
            return ls_fail(LS_USAGE, "of %lld rows none are left for the split '%s'",
                           (long long)samples, shares->name[i]);
        begin = end;
    }
    return LS_OK;
}
