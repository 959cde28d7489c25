#include "comm/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"

static ls_status make_file(int *descriptor, size_t bytes)
{
    *descriptor = memfd_create("lockstep", MFD_CLOEXEC);
    if (*descriptor < 0)
        return ls_fail(LS_FAILED, "memfd_create failed: %s", strerror(errno));
    if (ftruncate(*descriptor, (off_t)bytes) != 0)
        return ls_fail(LS_FAILED, "cannot make shared memory of %zu bytes: %s", bytes,
                       strerror(errno));
    return LS_OK;
}

/* A page that could not be had later would be a SIGBUS in the middle of a step. */
static ls_status allocate_pages(int descriptor, const struct ls_piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = 0;
        do
            error = pieces[i].bytes ? posix_fallocate(descriptor, (off_t)pieces[i].offset,
                                                      (off_t)pieces[i].bytes)
                                    : 0;
        while (error == EINTR);
        if (error)
            return ls_fail(LS_FAILED, "no memory for %zu bytes of shared memory: %s",
                           pieces[i].bytes, strerror(error));
    }
    return LS_OK;
}

static ls_status map(struct ls_shared *shared, int descriptor, size_t bytes)
{
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);

    if (base == MAP_FAILED)
        return ls_fail(LS_FAILED, "cannot map %zu bytes of shared memory: %s", bytes,
                       strerror(errno));
    *shared = (struct ls_shared){base, bytes, true};
    return LS_OK;
}

ls_status ls_shared_create(struct ls_shared *shared, struct ls_comm *comm, size_t bytes,
                           const struct ls_piece *pieces, size_t count)
{
    int descriptor = -1;
    ls_status status = LS_OK;

    *shared = (struct ls_shared){0};
    if (comm->place.node_rank == 0)
        status = make_file(&descriptor, bytes);
    LS_TRY_OUT(ls_mpi_agree(comm->node, status));
    status = ls_descriptor_share(comm, &descriptor);
    if (status == LS_OK)
        status = allocate_pages(descriptor, pieces, count);
    if (status == LS_OK)
        status = map(shared, descriptor, bytes);
    /* The file stays open until all have opened it, and none touches a page that another could not
     * have. */
    status = ls_mpi_agree(comm->node, status);
out:
    if (descriptor >= 0)
        close(descriptor);
    if (status != LS_OK)
        ls_shared_release(shared);
    return status;
}

ls_status ls_shared_create_alone(struct ls_shared *shared, size_t bytes)
{
    *shared = (struct ls_shared){.bytes = bytes};
    return ls_allocate(&shared->base, bytes, 1);
}

void ls_shared_release(struct ls_shared *shared)
{
    if (shared->mapped)
        munmap(shared->base, shared->bytes);
    else
        ls_release(shared->base);
    *shared = (struct ls_shared){0};
}
