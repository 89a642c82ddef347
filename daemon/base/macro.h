/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ownership helpers used by every layer. A variable marked with one of the _cleanup_ attributes is
 * owned by its scope; TAKE_PTR and TAKE_FD move it out. Borrowed pointers are never so marked.
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define DEFINE_CLEANUP(type, func)                                                                 \
	static inline void func##_cleanup(type *p)                                                 \
	{                                                                                          \
		if (*p)                                                                            \
			func(*p);                                                                  \
	}                                                                                          \
	struct func##_cleanup_takes_semicolon

#define _cleanup_(func) __attribute__((cleanup(func)))

static inline void freep(void *p)
{
	free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) taken_ = (p);                                                        \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
