/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files of the survey of host use share. A survey reads sysfs, /dev and /proc, opens
 * no device and changes nothing.
 */
#pragma once

#include <dirent.h>
#include <sys/types.h>

#include "core/host_use.h"
#include "host/linux.h"

/* A block or character device of the device that is surveyed, or one that stands on it. */
struct use_node {
	char *name; /* "nvme0n1p2"; in /dev with '!' for '/' */
	dev_t rdev;
	bool block;
	bool whole; /* of a block device: no partition */
};

struct survey {
	struct linux_host *h;
	struct host_use_facts *facts; /* NULL: only nodes are asked for */
	struct use_node *nodes;
	size_t n_nodes;
	char **interfaces; /* names of those that are visible */
	unsigned visited;  /* directories */
	uint64_t deadline; /* of the look through open files, by survey_now() */
	bool listed;       /* something whose users can be listed is below the device */
};

/* Fails with -E2BIG beyond this: no device has so many. */
#define SURVEY_NODES_MAX 4096
#define SURVEY_DIRECTORIES_MAX 65536

/* use-walk.c: everything below the device in sysfs. */
int survey_walk(struct survey *s, const char *address);
/* Adds a node, its device number read from "dev" in dir; one without that file is passed over. */
int survey_add_node(struct survey *s, int dir, const char *name, bool block);
bool survey_has_node(const struct survey *s, dev_t rdev, bool block);
void survey_done(struct survey *s);

/* use-block.c: what stands on its block devices, and what is mounted from them or swapped to. */
int survey_stack(struct survey *s);
int survey_mounts(struct survey *s);
int survey_swaps(struct survey *s);

/* use-net.c */
int survey_interfaces(struct survey *s);

/* A process whose open files are to be looked through. */
struct use_process {
	char pid[16];
	uid_t uid;	  /* the real one */
	size_t user;	  /* from 0, each uid has its own */
	uint64_t turn;	  /* by how many fds of its user come no later */
	bool may_open;	  /* its user may open a node of the device */
	bool leader_gone; /* only its other threads show its fds */
};

struct use_processes {
	struct use_process *items;
	size_t n, n_users;
};

/* use-process.c: all but our own, in the order to look at them; ret->items is to be freed even on
 * errors. -ETIME when the deadline is over. */
int survey_processes(struct survey *s, DIR *proc, struct use_processes *ret);

/* use-open.c: who has a node open, and whether the console is on one. */
int survey_consoles(struct survey *s);
int survey_open_files(struct survey *s);

/* Directories of sysfs for reading; -errno. */
DIR *survey_open_directory(int dir, const char *path, int *ret_error);
/* The next entry, or NULL at the end (*ret_error is left alone) and on errors. */
struct dirent *survey_next(DIR *stream, int *ret_error);
/* Notes that "../proc/..." may tell of uses that are not known; error is a negative errno. */
int survey_unreadable(struct survey *s, const char *path, int error);
/* CLOCK_MONOTONIC in milliseconds. */
uint64_t survey_now(void);
