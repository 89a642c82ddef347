/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of records for the system journal, by its native datagram protocol
 * (systemd.io/JOURNAL_NATIVE_PROTOCOL). Not sd_journal_sendv(): that one waits, without a limit,
 * for a journald that hangs, and the writer must not. What journald does not take at once is
 * counted and left out; the file is the record, this is the mirror.
 *
 * Every value is printable ASCII, so that no field can be forged by a line break.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>

#include "base/text.h"
#include "state/journal-internal.h"
#include "state/message-ids.h"

#define MIRROR_VALUE_MAX 256
#define MIRROR_DEVICES_MAX 64

static const struct known_event {
	const char *event, *id, *text;
	int priority;
} known_events[] = {
	{"lease.granted", MESSAGE_ID_LEASE_GRANTED, "Lease granted", LOG_INFO},
	{"lease.refused", MESSAGE_ID_LEASE_REFUSED, "Lease refused", LOG_NOTICE},
	{"lease.released", MESSAGE_ID_LEASE_RELEASED, "Lease released", LOG_INFO},
	{"lease.failed", MESSAGE_ID_LEASE_FAILED, "Lease failed", LOG_WARNING},
	{"lease.aborted", MESSAGE_ID_LEASE_ABORTED, "Lease aborted", LOG_NOTICE},
	{"lease.lost", MESSAGE_ID_LEASE_LOST, "Lease lost", LOG_WARNING},
	{"lease.revoked", MESSAGE_ID_LEASE_REVOKED, "Lease revoked", LOG_NOTICE},
	{"device.quarantined", MESSAGE_ID_DEVICE_QUARANTINED, "Device quarantined", LOG_WARNING},
	{"device.cleared", MESSAGE_ID_DEVICE_CLEARED, "Device cleared", LOG_NOTICE},
	{"device.stuck", MESSAGE_ID_DEVICE_STUCK, "Device stuck", LOG_WARNING},
	{"policy.loaded", MESSAGE_ID_POLICY_LOADED, "Policy loaded", LOG_INFO},
	{"requests.dropped", MESSAGE_ID_REQUESTS_DROPPED, "Requests dropped", LOG_NOTICE},
	{"journal.recovered", MESSAGE_ID_JOURNAL_RECOVERED, "Assignment journal recovered", LOG_WARNING},
};

static const struct known_event *find_event(const char *event)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_events); i++)
		if (streq(known_events[i].event, event))
			return &known_events[i];
	return NULL;
}

static void add_field(struct text *t, const char *key, const char *value)
{
	_cleanup_free_ char *escaped = NULL;

	if (!value)
		return;
	escaped = escape_text(value, MIRROR_VALUE_MAX);
	if (!escaped)
		t->failed = true;
	else
		text_appendf(t, "%s=%s\n", key, escaped);
}

/* A device is an address, or an object with one. */
static const char *device_address(json_t *device)
{
	return json_string_value(
		json_is_object(device) ? json_object_get(device, "address") : device);
}

static void add_text(struct text *t, const struct known_event *known, const char *event,
	const char *lease, json_t *devices)
{
	const char *address = device_address(json_array_get(devices, 0));
	size_t n = json_array_size(devices);
	_cleanup_text_ struct text message = {0};

	text_append(&message, known ? known->text : event);
	if (lease)
		text_appendf(&message, " %.64s", lease);
	if (address)
		text_appendf(&message, ": %.64s", address);
	if (address && n > 1)
		text_appendf(&message, " and %zu more", n - 1);
	if (message.failed)
		t->failed = true;
	else
		add_field(t, "MESSAGE", message.data);
}

int mirror_message_new(json_t *object, struct mirror_message **ret)
{
	const char *event = json_string_value(json_object_get(object, "event"));
	const char *lease = json_string_value(json_object_get(object, "lease"));
	json_t *device, *devices = json_object_get(object, "devices");
	const struct known_event *known = find_event(event);
	_cleanup_text_ struct text t = {0};
	struct mirror_message *message;
	char *fields;
	size_t i;

	add_text(&t, known, event, lease, devices);
	text_appendf(&t, "PRIORITY=%d\nSYSLOG_IDENTIFIER=devleased\n",
		known ? known->priority : LOG_INFO);
	add_field(&t, "MESSAGE_ID", known ? known->id : NULL);
	add_field(&t, "DEVLEASE_EVENT", event);
	add_field(&t, "DEVLEASE_LEASE", lease);
	add_field(&t, "DEVLEASE_DEVICE", device_address(json_object_get(object, "device")));
	json_array_foreach(devices, i, device) {
		if (i == MIRROR_DEVICES_MAX)
			break;
		add_field(&t, "DEVLEASE_DEVICE", device_address(device));
	}
	fields = text_steal(&t);
	message = fields ? calloc(1, sizeof(*message)) : NULL;
	if (!message) {
		free(fields);
		return -ENOMEM;
	}
	message->fields = fields;
	*ret = message;
	return 0;
}

struct mirror_message *mirror_message_free(struct mirror_message *message)
{
	if (message) {
		free(message->fields);
		free(message);
	}
	return NULL;
}

static bool send_text(struct journal *j, const struct text *t)
{
	return j->mirror_fd < 0 ||
	       (!t->failed && sendto(j->mirror_fd, t->data, t->size, MSG_DONTWAIT | MSG_NOSIGNAL,
				      (struct sockaddr *)&j->mirror, sizeof(j->mirror)) >= 0);
}

/* Each message carries the head of the chain at its record, for `audit verify --head`. */
static bool send_one(struct journal *j, const struct mirror_message *message)
{
	_cleanup_text_ struct text t = {0};

	text_append(&t, message->fields);
	text_appendf(&t, "DEVLEASE_SEQ=%" PRIu64 "\nDEVLEASE_HASH=%s\n", message->place.seq,
		message->place.hash);
	return send_text(j, &t);
}

bool mirror_send_head(struct journal *j)
{
	_cleanup_text_ struct text t = {0};

	text_appendf(&t,
		"MESSAGE=Head of the assignment journal: %" PRIu64 ":%s\nPRIORITY=%d\n"
		"SYSLOG_IDENTIFIER=devleased\nMESSAGE_ID=%s\nDEVLEASE_SEQ=%" PRIu64
		"\nDEVLEASE_HASH=%s\n",
		j->chain.seq, j->chain.hash, LOG_INFO, MESSAGE_ID_JOURNAL_HEAD, j->chain.seq,
		j->chain.hash);
	return send_text(j, &t);
}

uint64_t mirror_send(struct journal *j, struct mirror_message *list)
{
	uint64_t lost = 0;

	while (list) {
		struct mirror_message *next = list->next;

		if (!send_one(j, list))
			lost++;
		mirror_message_free(list);
		list = next;
	}
	return lost;
}
