/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client of devlease needs and no more: fds from `devleasectl exec` or from Acquire, a
 * buffer mapped for DMA, and the edu device of the test machine. Nothing here is privileged.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUFFER_SIZE ((size_t)8192) /* the pattern, and in the second page what comes back */
#define BUFFER_IOVA UINT64_C(0x10000000)
#define PATTERN_MAX ((size_t)4096)

struct client {
	int device, iommu, hold; /* owned, -1 when there is none */
	bool legacy;             /* iommu is a container, else an iommufd */
	uint32_t ioas;           /* attached handover on iommufd */
	unsigned char *buffer;   /* BUFFER_SIZE bytes */
	volatile unsigned char *bar;
};

/* All return 0, or -errno after saying what failed on stderr. */

/* By LISTEN_FDS; address NULL: the first device. */
int client_from_environment(struct client *c, const char *address);
struct acquire {
	const char *const *devices; /* NULL-terminated; the first one is used */
	const char *handover, *backend, *reset_set; /* NULL: not given */
};
/* By Manager.Acquire; prints "lease: PATH" on stdout. */
int client_acquire(struct client *c, const struct acquire *request);

/* For handover opened: bind, a new IOAS, attach. */
int client_bind_attach(struct client *c);
/* A buffer of ours at BUFFER_IOVA. */
int client_map_buffer(struct client *c);

int client_read_config(struct client *c, uint32_t offset, void *data, size_t size);
int client_reset(struct client *c);
/* As the holder of the whole reset set; no group fds: iommufd only. */
int client_hot_reset(struct client *c);

/* Maps BAR 0 of edu, and lets it be a bus master. */
int edu_open(struct client *c);
/* At most PATTERN_MAX bytes at buffer[0] through the device to the second page. */
int edu_copy(struct client *c, size_t size);
/* Has the device write to iova, mapped or not. edu does not tell whether it arrived. */
int edu_write_to(struct client *c, uint64_t iova);

int failed(const char *what, int error);
