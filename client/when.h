/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Points in time: as written on the command line, and as printed. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * Microseconds of CLOCK_REALTIME. Forms: "YYYY-MM-DD", "YYYY-MM-DD HH:MM[:SS]" ('T' for the blank
 * too), "HH:MM[:SS]" (today), "today", "yesterday", "now", "@SECONDS", and a time before now as
 * "-5min" or "5min ago" with the units s, min, h, d, w. now_usec is the present. Local time.
 * 0 or -EINVAL.
 */
int when_parse(const char *text, uint64_t now_usec, uint64_t *ret_usec);
uint64_t when_now(void);
#define WHEN_SIZE 32
/* "MM-DD HH:MM:SS", local time; "" when it is out of range. */
void when_format_date(uint64_t usec, char buffer[static WHEN_SIZE]);
/* "HH:MM:SS" */
void when_format_clock(uint64_t usec, char buffer[static WHEN_SIZE]);
