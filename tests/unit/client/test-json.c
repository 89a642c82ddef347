/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* D-Bus values to JSON, and how devices read. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/socket.h>

#include "client/device-text.h"
#include "client/json.h"

DEFINE_CLEANUP(sd_bus *, sd_bus_unref);
DEFINE_CLEANUP(sd_bus_message *, sd_bus_message_unref);

/* A message that can be read, on a connection that never talks to anybody. */
static sd_bus_message *message_new(sd_bus **ret_bus)
{
	sd_bus_message *m = NULL;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	cr_assert_geq(sd_bus_new(ret_bus), 0);
	cr_assert_geq(sd_bus_set_fd(*ret_bus, fds[0], fds[0]), 0);
	cr_assert_geq(sd_bus_start(*ret_bus), 0);
	cr_assert_geq(sd_bus_message_new_method_call(*ret_bus, &m, "a.b", "/", "a.b", "C"), 0);
	return m;
}

#define CHECK(expected, ...)                                                                       \
	do {                                                                                       \
		_cleanup_(sd_bus_unref_cleanup) sd_bus *bus = NULL;                                \
		_cleanup_(sd_bus_message_unref_cleanup) sd_bus_message *m = message_new(&bus);     \
                                                                                                   \
		cr_assert_geq(sd_bus_message_append(m, __VA_ARGS__), 0);                           \
		check_message(m, expected);                                                        \
	} while (0)

static void check_message(sd_bus_message *m, const char *expected)
{
	_cleanup_json_ json_t *value = NULL;
	_cleanup_free_ char *got = NULL;

	cr_assert_geq(sd_bus_message_seal(m, 1, 0), 0);
	cr_assert_geq(json_from_message(m, &value), 0);
	got = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
	cr_expect_str_eq(got, expected, "%s, not %s", got, expected);
	cr_expect_eq(sd_bus_message_at_end(m, true), 1, "%s is not all", got);
}

Test(json, basic)
{
	CHECK("\"text\"", "s", "text");
	CHECK("\"/a/b\"", "o", "/a/b");
	CHECK("true", "b", 1);
	CHECK("255", "y", 255);
	CHECK("-5", "n", -5);
	CHECK("65535", "q", 65535);
	CHECK("-7", "i", -7);
	CHECK("4294967295", "u", 4294967295U);
	CHECK("-9223372036854775808", "x", INT64_MIN);
	CHECK("9223372036854775807", "t", (uint64_t)INT64_MAX);
	CHECK("1.8446744073709552e19", "t", UINT64_MAX);
	CHECK("0.5", "d", 0.5);
	CHECK("null", "h", 0);
}

Test(json, containers)
{
	CHECK("[]", "as", 0);
	CHECK("{}", "a{sv}", 0);
	CHECK("[\"a\",\"b\"]", "as", 2, "a", "b");
	CHECK("{\"k\":\"v\",\"n\":3}", "a{sv}", 2, "k", "s", "v", "n", "u", 3U);
	CHECK("[{\"k\":[1,2]},{}]", "aa{sv}", 2, 1, "k", "au", 2, 1U, 2U, 0);
	CHECK("[1000,7,\"\",\"vm\"]", "(uuss)", 1000U, 7U, "", "vm");
	CHECK("{\"5\":\"five\"}", "a{us}", 1, 5U, "five");
	CHECK("[[\"a\",{\"b\":true}]]", "a(sa{sv})", 1, "a", 1, "b", "b", 1);
	CHECK("\"inner\"", "v", "v", "s", "inner");
}

Test(json, nothing_to_read)
{
	_cleanup_(sd_bus_unref_cleanup) sd_bus *bus = NULL;
	_cleanup_(sd_bus_message_unref_cleanup) sd_bus_message *m = message_new(&bus);
	json_t *untouched = NULL;

	cr_assert_geq(sd_bus_message_seal(m, 1, 0), 0);
	cr_expect_eq(json_from_message(m, &untouched), -ENXIO);
	cr_expect_null(untouched);
}

static void check_name(const char *vendor, const char *model, const char *expected)
{
	_cleanup_json_ json_t *device = json_pack("{s:s, s:s, s:i, s:i}", "VendorName", vendor,
		"ModelName", model, "VendorId", 0x1af4, "DeviceId", 0x5);
	_cleanup_free_ char *name = device_name(device);

	cr_expect_str_eq(name, expected, "%s", name);
}

Test(device, name)
{
	check_name("", "", "1af4:0005");
	check_name("Red Hat, Inc.", "Virtio RNG", "Red Hat Virtio RNG");
	check_name("Intel Corporation", "", "Intel 1af4:0005");
	check_name("Corporation", "X", "Corporation X");
	check_name("", "Model", "Model");
}
