/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How fds are named to a command: LISTEN_FDNAMES, and {NAME} in its arguments. Pure. */
#pragma once

#include <stddef.h>

#include "base/macro.h"

/* The first fd number that a command gets: SD_LISTEN_FDS_START. */
#define FIRST_FD 3

/* name with ':' written as '-', which LISTEN_FDNAMES needs as its separator. NULL: no memory. */
char *fd_name_escape(const char *name);

/* All names in order, escaped, joined with ':'. NULL: no memory. */
char *fd_names_join(char *const *names);

/*
 * text with each {NAME} replaced by the number of the fd of that name: names[i] is fd
 * FIRST_FD + i. A PCI address matches in upper case and without its domain 0000 too. Everything
 * else in braces stays as it is. NULL: no memory.
 */
char *fd_names_substitute(const char *text, char *const *names);
