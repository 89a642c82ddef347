/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole daemon over a host: the real one, or one that a test brings. */
#pragma once

struct host;

/* Consumes host. Returns the exit status. */
int daemon_main(int argc, char **argv, struct host *host);
