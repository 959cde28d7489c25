/* The digest of a file of ours, in the file. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "base/pulse.h"
#include "store/digest.h"

/* The digits of a digest that is not yet known. */
static const char zeros[LS_DIGEST_DIGITS + 1] = "00000000000000000000000000000000";
enum { MARK_BYTES = sizeof LS_DIGEST_MARK - 1, BLOCK_BYTES = 1 << 18 };

ls_status ls_digest_seal(struct ls_h5_buffer *buffer, const char *path)
{
    char digits[LS_DIGEST_DIGITS + 1];
    char *mark = memmem(buffer->bytes, buffer->length, LS_DIGEST_EMPTY, strlen(LS_DIGEST_EMPTY));
    if (!mark)
        return ls_fail(LS_FAILED, "cannot lay out '%s': no place for its digest", path);
    struct ls_hasher *hasher = ls_hasher_create();
    if (!hasher)
        return ls_fail(LS_FAILED, "out of memory");
    ls_hasher_add(hasher, buffer->bytes, buffer->length);
    ls_digest_format(digits, ls_hasher_digest(hasher));
    ls_hasher_free(hasher);
    memcpy(mark + MARK_BYTES, digits, LS_DIGEST_DIGITS);
    return LS_OK;
}

static ls_status cannot_read(const char *path)
{
    return ls_fail(LS_NO_INPUT, "cannot read '%s': %s", path, strerror(errno));
}

/* Fills block from offset, less at the end of the file. */
static ls_status read_block(int file, const char *path, char *block, uint64_t offset, size_t *got)
{
    *got = 0;
    while (*got < BLOCK_BYTES) {
        ssize_t now = pread(file, block + *got, BLOCK_BYTES - *got, (off_t)(offset + *got));
        if (now < 0 && errno == EINTR)
            continue;
        if (now < 0)
            return cannot_read(path);
        if (now == 0)
            break;
        *got += (size_t)now;
        ls_pulse_beat(ls_pulse_here());
    }
    return LS_OK;
}

/* Where the digits are, and what they are. */
static ls_status find_mark(int file, const char *path, char *block, uint64_t *at, bool *found)
{
    const size_t whole = MARK_BYTES + LS_DIGEST_DIGITS;
    size_t got = BLOCK_BYTES;
    *found = false;
    /* Blocks overlap, so that none cuts the mark in two. */
    for (uint64_t offset = 0; got == BLOCK_BYTES; offset += BLOCK_BYTES - whole) {
        LS_TRY(read_block(file, path, block, offset, &got));
        const char *mark = memmem(block, got, LS_DIGEST_MARK, MARK_BYTES);
        if (!mark || mark + whole > block + got)
            continue;
        *at = offset + (uint64_t)(mark - block) + MARK_BYTES;
        *found = true;
        return LS_OK;
    }
    return LS_OK;
}

/* Takes the digits at `at` of the file out of the block that begins at `offset`: zeros in their
 * place, as they were when the digest was made. */
static void take_digits(char digits[LS_DIGEST_DIGITS], uint64_t at, char *block, size_t count,
                        uint64_t offset)
{
    for (size_t i = 0; i < LS_DIGEST_DIGITS; i++)
        if (at + i >= offset && at + i < offset + count) {
            digits[i] = block[at + i - offset];
            block[at + i - offset] = zeros[i];
        }
}

static ls_status check_file(int file, const char *path, char *block, bool *found)
{
    char stored[LS_DIGEST_DIGITS] = {0}, digits[LS_DIGEST_DIGITS + 1];
    uint64_t at = 0;
    size_t got = BLOCK_BYTES;
    LS_TRY(find_mark(file, path, block, &at, found));
    if (!*found)
        return LS_OK;
    struct ls_hasher *hasher = ls_hasher_create();
    ls_status status = hasher ? LS_OK : ls_fail(LS_FAILED, "out of memory");
    for (uint64_t offset = 0; status == LS_OK && got == BLOCK_BYTES; offset += BLOCK_BYTES) {
        status = read_block(file, path, block, offset, &got);
        if (status != LS_OK)
            break;
        take_digits(stored, at, block, got, offset);
        ls_hasher_add(hasher, block, got);
    }
    if (status == LS_OK)
        ls_digest_format(digits, ls_hasher_digest(hasher));
    ls_hasher_free(hasher);
    if (status == LS_OK && memcmp(stored, digits, LS_DIGEST_DIGITS) != 0)
        status = ls_fail(LS_BAD_INPUT,
                         "%s: damaged: its bytes are not those of its digest (it was cut short or "
                         "changed)",
                         path);
    return status;
}

ls_status ls_digest_check(const char *path, bool *found)
{
    struct stat info;
    char *block = NULL;
    *found = false;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return cannot_read(path);
    ls_status status = LS_OK;
    if (fstat(file, &info) != 0)
        LS_TRY_OUT(cannot_read(path));
    if (!S_ISREG(info.st_mode))
        LS_TRY_OUT(ls_fail(LS_NO_INPUT, "cannot read '%s': it is no file", path));
    LS_TRY_OUT(ls_allocate(&block, BLOCK_BYTES, 1));
    status = check_file(file, path, block, found);
out:
    ls_release(block);
    close(file);
    return status;
}
