/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories that others could write to are refused; files survive garbage and come back. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/journal-line.h"
#include "store-fixture.h"

static struct store_bench b;

static void setup(void)
{
	store_bench_setup(&b);
}

static void teardown(void)
{
	store_bench_teardown(&b);
}

TestSuite(store, .init = setup, .fini = teardown, .timeout = 30);

static void write_lease_file(const char *name, const void *data, size_t size)
{
	cr_assert_eq(replace_file_at(b.store.leases_fd, name, 0600, data, size, false), 0);
}

Test(store, makes_private_directories)
{
	struct stat st;

	cr_assert_eq(fstat(b.store.leases_fd, &st), 0);
	cr_expect_eq(st.st_mode, S_IFDIR | 0700);
	cr_assert_eq(fstat(b.store.hold_fd, &st), 0);
	cr_expect_eq(st.st_mode, S_IFDIR | 0700);
	cr_assert_eq(fstat(b.store.lib_fd, &st), 0);
	cr_expect_eq(st.st_mode, S_IFDIR | 0700);
	cr_expect(fcntl(b.store.leases_fd, F_GETFD) & FD_CLOEXEC);
	store_done(&b.store);
	cr_expect_eq(b.store.leases_fd, -1);
	cr_expect_eq(store_open(b.run, b.lib, &b.store), 0);
}

Test(store, refuses_directories_of_others)
{
	struct store other = {-1, -1, -1};
	char path[128];

	snprintf(path, sizeof(path), "%s/leases", b.run);
	cr_assert_eq(chmod(path, 0720), 0);
	cr_expect_eq(store_open(b.run, b.lib, &other), -EPERM);
	cr_assert_eq(chmod(path, 0750), 0);
	cr_assert_eq(chmod(b.run, 0757), 0);
	cr_expect_eq(store_open(b.run, b.lib, &other), -EPERM);
	cr_assert_eq(chmod(b.run, 0755), 0);
	if (geteuid() == 0) {
		cr_assert_eq(chown(b.lib, 65534, 0), 0);
		cr_expect_eq(store_open(b.run, b.lib, &other), -EPERM);
		cr_assert_eq(chown(b.lib, 0, 0), 0);
	}
	snprintf(path, sizeof(path), "%s/link", b.path);
	cr_assert_eq(symlink(b.lib, path), 0);
	cr_expect_eq(store_open(b.run, path, &other), -ENOTDIR);
	cr_expect_eq(other.leases_fd, -1);
	cr_assert_eq(store_open(b.run, b.lib, &other), 0);
	store_done(&other);
}

Test(store, leases_round_trip)
{
	_cleanup_json_ json_t *list = NULL, *expected = NULL, *none = json_object();
	_cleanup_json_ json_t *state = json_pack("{s:s, s:[i]}", "step", "bind\xc3\xa9", "n", 7);

	cr_assert_eq(store_save_lease(&b.store, "b2", state), 0);
	cr_assert_eq(store_save_lease(&b.store, "a1", none), 0);
	cr_assert_eq(store_save_lease(&b.store, "a1", state), 0);
	cr_assert_eq(store_save_lease(&b.store, "c3", state), 0);
	cr_assert_eq(store_remove_lease(&b.store, "c3"), 0);
	cr_assert_eq(store_remove_lease(&b.store, "c3"), 0);
	cr_assert_eq(store_load_leases(&b.store, &list), 0);
	expected = json_pack("[{s:s, s:O}, {s:s, s:O}]", "id", "a1", "state", state, "id", "b2",
		"state", state);
	cr_expect(json_equal(list, expected));
}

Test(store, bad_ids_are_refused)
{
	static const char *const bad[] = {"", "..", "a/b", "A", "a.b", "a b", "a\n",
		"012345678901234567890123456789012", NULL};
	_cleanup_json_ json_t *state = json_object(), *array = json_array();
	int read_fd, write_fd;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cr_expect_eq(store_save_lease(&b.store, bad[i], state), -EINVAL);
		cr_expect_eq(store_remove_lease(&b.store, bad[i]), -EINVAL);
		cr_expect_eq(hold_create(&b.store, bad[i], &read_fd, &write_fd), -EINVAL);
		cr_expect_eq(hold_reopen(&b.store, bad[i], &read_fd), -EINVAL);
		cr_expect_eq(hold_remove(&b.store, bad[i]), -EINVAL);
	}
	cr_expect_eq(store_save_lease(&b.store, "01234567890123456789012345678901", state), 0);
	cr_expect_eq(store_save_lease(&b.store, "a", array), -EINVAL);
}

Test(store, garbage_is_reported_and_strangers_are_not)
{
	static const char *const garbage[] = {"", "{", "[]", "{\"a\":1,\"a\":2}", "\xff", "{}x"};
	_cleanup_json_ json_t *list = NULL;
	json_t *entry;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		char name[] = "g0.json";

		name[1] += i;
		write_lease_file(name, garbage[i], strlen(garbage[i]));
	}
	write_lease_file("g6.json", "{}\0", 3);
	cr_assert_eq(mkdirat(b.store.leases_fd, "g7.json", 0700), 0);
	cr_assert_eq(mkfifoat(b.store.leases_fd, "g8.json", 0600), 0);
	write_lease_file("README", "x", 1);
	write_lease_file("UPPER.json", "{}", 2);
	write_lease_file(".json", "{}", 2);
	cr_assert_eq(store_load_leases(&b.store, &list), 0);
	cr_expect_eq(json_array_size(list), 9);
	json_array_foreach(list, i, entry) {
		char id[] = {'g', '0' + i, '\0'};

		cr_expect_str_eq(json_string_value(json_object_get(entry, "id")), id);
		cr_expect(json_is_null(json_object_get(entry, "state")), "g%zu", i);
	}
}

Test(store, interrupted_saves_are_cleaned_up)
{
	_cleanup_json_ json_t *list = NULL, *none = json_object();

	write_lease_file(".a1.json.new", "{\"half", 6);
	cr_assert_eq(store_save_lease(&b.store, "b2", none), 0);
	cr_assert_eq(store_load_leases(&b.store, &list), 0);
	cr_expect_eq(json_array_size(list), 1);
	cr_expect_lt(faccessat(b.store.leases_fd, ".a1.json.new", F_OK, 0), 0);
	cr_expect_eq(errno, ENOENT);
}

Test(store, devices_round_trip)
{
	_cleanup_json_ json_t *none = NULL, *back = NULL, *devices =
		json_pack("{s:{s:s}}", "0000:01:00.0", "reason", "reset failed");
	json_t *damaged;
	struct stat st;

	cr_assert_eq(store_load_devices(&b.store, &none), 0);
	cr_expect_eq(json_object_size(none), 0);
	cr_assert_eq(store_save_devices(&b.store, devices), 0);
	cr_assert_eq(store_load_devices(&b.store, &back), 0);
	cr_expect(json_equal(back, devices));
	cr_assert_eq(fstatat(b.store.lib_fd, "quarantine.json", &st, 0), 0);
	cr_expect_eq(st.st_mode, S_IFREG | 0600);
	cr_assert_eq(replace_file_at(b.store.lib_fd, "quarantine.json", 0600, "{", 1, false), 0);
	cr_expect_eq(store_load_devices(&b.store, &damaged), -EBADMSG);
	cr_assert_eq(unlinkat(b.store.lib_fd, "quarantine.json", 0), 0);
	cr_assert_eq(mkdirat(b.store.lib_fd, "quarantine.json", 0700), 0);
	cr_expect_eq(store_load_devices(&b.store, &damaged), -EBADMSG);
}
