#include <cpuid.h>
#include <stdio.h>
#include <string.h>

#include <oneapi/dnnl/dnnl.h>
#include <sleef.h>

#include "base/hash.h"
#include "kernel/blas.h"
#include "kernel/kernels.h"

/* The brand string of CPUID's leaves 80000002h to 80000004h, without the blanks around it. */
static void read_cpu_name(char *out, size_t room)
{
    unsigned word[12];
    char name[sizeof word + 1] = "";
    if (__get_cpuid_max(0x80000000u, NULL) >= 0x80000004u) {
        for (unsigned leaf = 0; leaf < 3; leaf++) {
            unsigned *w = word + 4 * leaf;
            __get_cpuid(0x80000002u + leaf, &w[0], &w[1], &w[2], &w[3]);
        }
        memcpy(name, word, sizeof word);
        name[sizeof word] = '\0';
    }
    const char *first = name + strspn(name, " ");
    size_t length = strlen(first);
    while (length > 0 && first[length - 1] == ' ')
        length--;
    snprintf(out, room, "%.*s", (int)length, length ? first : "unknown");
}

/* "OpenBLAS 0.3.21 DYNAMIC_ARCH ...": the second word. */
static void read_blas_version(char *out, size_t room)
{
    const char *config = ls_blas.config();
    const char *version = strchr(config, ' ');
    version = version ? version + 1 : config;
    snprintf(out, room, "%.*s", (int)strcspn(version, " "), version);
}

static const char *isa_name(dnnl_cpu_isa_t isa)
{
#define NAME(name)                                                                                 \
    case dnnl_cpu_isa_##name:                                                                      \
        return #name;
    switch ((int)isa) {
        NAME(sse41)
        NAME(avx)
        NAME(avx2)
        NAME(avx2_vnni)
        NAME(avx512_mic)
        NAME(avx512_mic_4ops)
        NAME(avx512_core)
        NAME(avx512_core_vnni)
        NAME(avx512_core_bf16)
        NAME(avx512_core_amx)
    }
#undef NAME
    return NULL;
}

static uint64_t add_text(uint64_t hash, const char *text)
{
    return ls_hash64(text, strlen(text), hash);
}

ls_status ls_kernels_identity(struct ls_kernel_identity *identity)
{
    *identity = (struct ls_kernel_identity){0};
    snprintf(identity->set, sizeof identity->set, "%s", ls_k->name);
    snprintf(identity->blas_core, sizeof identity->blas_core, "%s", ls_blas.corename());
    read_blas_version(identity->blas_version, sizeof identity->blas_version);
    const dnnl_version_t *onednn = dnnl_version();
    snprintf(identity->onednn_version, sizeof identity->onednn_version, "%d.%d.%d", onednn->major,
             onednn->minor, onednn->patch);
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    if (isa_name(isa))
        snprintf(identity->onednn_isa, sizeof identity->onednn_isa, "%s", isa_name(isa));
    else
        snprintf(identity->onednn_isa, sizeof identity->onednn_isa, "isa 0x%x", (unsigned)isa);
    snprintf(identity->sleef_version, sizeof identity->sleef_version, "%d.%d.%d",
             SLEEF_VERSION_MAJOR, SLEEF_VERSION_MINOR, SLEEF_VERSION_PATCHLEVEL);
    read_cpu_name(identity->cpu, sizeof identity->cpu);
    identity->probe = add_text(identity->probe, identity->blas_version);
    identity->probe = add_text(identity->probe, identity->onednn_version);
    identity->probe = add_text(identity->probe, identity->sleef_version);
    return ls_kernels_probe(&identity->probe);
}
