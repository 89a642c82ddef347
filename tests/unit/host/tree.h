/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A synthetic /sys, /dev and /proc in a directory of its own, for the Linux host to run on. */
#pragma once

#include "host/host.h"

struct tree {
	char path[64];
	struct host *host; /* made by tree_start() */
};

/* An empty machine. Failures end the test. */
void tree_new(struct tree *t);
/* path is relative to the tree; directories on the way are made. text NULL makes a directory. */
void tree_write(const struct tree *t, const char *path, const char *text);
void tree_link(const struct tree *t, const char *path, const char *target);
void tree_fifo(const struct tree *t, const char *path);
char *tree_path(const struct tree *t, const char *path);
/* A device below parent ("" or "0000:00:10.0/") on pci0000:00 with usual attributes. */
void tree_device(const struct tree *t, const char *parent, const char *address,
	const char *modalias, int group);
/* An attribute, or with target a link, of a device. */
void tree_attribute(const struct tree *t, const char *address, const char *name, const char *text);
void tree_device_link(const struct tree *t, const char *address, const char *name,
	const char *target);
void tree_start(struct tree *t);
/* Frees the host and removes the directory. */
void tree_done(struct tree *t);
