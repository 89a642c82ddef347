/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A store in a scratch directory. */
#pragma once

#include <criterion/criterion.h>

#include "base/io.h"
#include "base/text.h"
#include "state/store.h"

struct store_bench {
	char path[64], run[80], lib[80];
	struct store store;
};

void store_bench_setup(struct store_bench *b);
void store_bench_teardown(struct store_bench *b);
