#include "comm/wire.h"

#include "base/memory.h"

size_t ls_wire_bytes(size_t ours, size_t theirs, size_t mine, size_t slice)
{
    return (ours * slice + mine) * (sizeof(uint16_t) + sizeof(float)) +
           (theirs * mine + slice) * sizeof(uint16_t);
}

ls_status ls_wire_allocate(struct ls_wire_bucket *wire)
{
    const size_t mine = (size_t)ls_range_length(wire->mine);
    const size_t slice = (size_t)ls_range_length(wire->slice);

    LS_TRY(ls_allocate(&wire->partials, wire->ours * slice, sizeof *wire->partials));
    LS_TRY(ls_allocate(&wire->partials_left, wire->ours * slice, sizeof *wire->partials_left));
    LS_TRY(ls_allocate(&wire->received, wire->theirs * mine, sizeof *wire->received));
    LS_TRY(ls_allocate(&wire->sums, mine, sizeof *wire->sums));
    LS_TRY(ls_allocate(&wire->sums_left, mine, sizeof *wire->sums_left));
    return ls_allocate(&wire->received_sums, slice, sizeof *wire->received_sums);
}

void ls_wire_release(struct ls_wire_bucket *wire)
{
    ls_release(wire->partials);
    ls_release(wire->partials_left);
    ls_release(wire->received);
    ls_release(wire->sums);
    ls_release(wire->sums_left);
    ls_release(wire->received_sums);
}

void ls_wire_tell_partial(struct ls_wire_bucket *wire, size_t i, const float *at)
{
    const size_t slice = (size_t)ls_range_length(wire->slice);

    ls_k->narrow(wire->partials + i * slice, wire->partials_left + i * slice, at, wire->type,
                 slice);
}

void ls_wire_tell_sum(struct ls_wire_bucket *wire, float *at)
{
    const size_t mine = (size_t)ls_range_length(wire->mine);

    ls_k->narrow(wire->sums, wire->sums_left, at, wire->type, mine);
    ls_k->widen(at, wire->sums, wire->type, mine);
}

void ls_wire_hear_partials(const struct ls_wire_bucket *wire, float *partials)
{
    ls_k->widen(partials, wire->received, wire->type,
                wire->theirs * (size_t)ls_range_length(wire->mine));
}

void ls_wire_hear_sum(const struct ls_wire_bucket *wire, float *sum, struct ls_range part)
{
    if (part.begin < part.end)
        ls_k->widen(sum + part.begin, wire->received_sums + (part.begin - wire->slice.begin),
                    wire->type, (size_t)ls_range_length(part));
}
