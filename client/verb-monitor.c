/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* monitor: prints changes of devices and signals of leases as they come, one a line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "bus.h"
#include "json.h"
#include "status.h"
#include "terminal.h"
#include "when.h"

/* "lease 12ab" or "0000:01:00.0" for an object's path; the path itself when it is neither. */
static char *subject_of(const char *path)
{
	_cleanup_free_ char *name = NULL;
	char *text;

	if (sd_bus_path_decode(path, BUS_PATH "/device", &name) > 0)
		return TAKE_PTR(name);
	if (sd_bus_path_decode(path, BUS_PATH "/lease", &name) > 0)
		return asprintf(&text, "lease %s", name) < 0 ? NULL : text;
	return strdup(path);
}

static int read_arguments(sd_bus_message *m, json_t **ret)
{
	_cleanup_json_ json_t *arguments = json_array();
	int r;

	if (!arguments)
		return -ENOMEM;
	while ((r = sd_bus_message_at_end(m, true)) == 0) {
		json_t *one = NULL;

		r = json_from_message(m, &one);
		if (r < 0)
			return r;
		if (json_array_append_new(arguments, one) < 0)
			return -ENOMEM;
	}
	if (r < 0)
		return r;
	*ret = TAKE_PTR(arguments);
	return 0;
}

static void print_pairs(const json_t *object)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		_cleanup_free_ char *text =
			json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_ENSURE_ASCII);

		printf(" %s=%s", key, text ? text : "?");
	}
}

static void print_event(uint64_t now, const char *subject, const char *member,
	const json_t *arguments)
{
	_cleanup_free_ char *safe = escape_text(subject, SIZE_MAX);
	char time[WHEN_SIZE];

	when_format_clock(now, time);
	printf("%s %s", time, safe ? safe : "?");
	if (streq(member, "PropertiesChanged")) {
		print_pairs(json_array_get(arguments, 1));
	} else if (streq(member, "InterfacesAdded")) {
		printf(" added");
	} else if (streq(member, "InterfacesRemoved")) {
		printf(" removed");
	} else {
		_cleanup_free_ char *text =
			json_dumps(arguments, JSON_COMPACT | JSON_ENSURE_ASCII);

		printf(" %s %s", member, text ? text : "?");
	}
	putchar('\n');
}

static void print_event_json(uint64_t now, const char *path, const char *member,
	const json_t *arguments)
{
	_cleanup_json_ json_t *event = json_pack("{s:I, s:s, s:s, s:O}", "Realtime",
		(json_int_t)now, "Path", path, "Member", member, "Arguments", arguments);

	if (event)
		json_dumpf(event, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
	putchar('\n');
}

/* Objects come and go with all their properties: their address is what tells. */
static char *event_subject(sd_bus_message *m, const json_t *arguments)
{
	const char *member = sd_bus_message_get_member(m);
	const char *added = json_string_value(json_array_get(arguments, 0));

	if (added && (streq(member, "InterfacesAdded") || streq(member, "InterfacesRemoved")))
		return subject_of(added);
	return subject_of(sd_bus_message_get_path(m));
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	const struct ctl *c = userdata;
	const char *member = sd_bus_message_get_member(m);
	_cleanup_json_ json_t *arguments = NULL;
	_cleanup_free_ char *subject = NULL;
	uint64_t now = when_now();

	if (read_arguments(m, &arguments) < 0)
		return 0;
	subject = event_subject(m, arguments);
	if (!subject)
		return 0;
	if (c->options.json != JSON_OFF)
		print_event_json(now, sd_bus_message_get_path(m), member, arguments);
	else
		print_event(now, subject, member, arguments);
	fflush(stdout);
	return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	const struct ctl *c = userdata;
	const char *name, *before, *after;

	if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
		return 0;
	if (c->options.json == JSON_OFF)
		fail(STATUS_OK, *after ? "devleased has started" : "devleased has stopped");
	return 0;
}

static int subscribe(struct ctl *c)
{
	int r = sd_bus_add_match(c->bus, NULL,
		"type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'", on_signal, c);

	if (r < 0)
		return r;
	return sd_bus_add_match(c->bus, NULL,
		"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
		"arg0='" BUS_NAME "'", on_owner, c);
}

int verb_monitor(struct ctl *c)
{
	_cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
	int r = bus_new_call(c, BUS_PATH, "org.freedesktop.DBus.Peer", "Ping", &m);

	if (r != STATUS_OK)
		return r;
	r = bus_call(c, m, BUS_DEFAULT_USEC, &reply);
	if (r != STATUS_OK)
		return r;
	r = subscribe(c);
	if (r >= 0 && !c->options.no_legend)
		fprintf(stderr, "Watching devleased until interrupted.\n");
	while (r >= 0) {
		r = sd_bus_process(c->bus, NULL);
		if (r == 0)
			r = sd_bus_wait(c->bus, UINT64_MAX);
		if (r == -EINTR)
			r = 0;
	}
	return fail_call(NULL, r);
}
