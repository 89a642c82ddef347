/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ftw.h>
#include <stdio.h>
#include <string.h>

#include "store-fixture.h"

void store_bench_setup(struct store_bench *b)
{
	strcpy(b->path, "/tmp/devlease-test-XXXXXX");
	cr_assert(mkdtemp(b->path));
	snprintf(b->run, sizeof(b->run), "%s/run", b->path);
	snprintf(b->lib, sizeof(b->lib), "%s/lib", b->path);
	cr_assert_eq(store_open(b->run, b->lib, &b->store), 0);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

void store_bench_teardown(struct store_bench *b)
{
	store_done(&b->store);
	nftw(b->path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}
