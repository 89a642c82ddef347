/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CheckAuthorization of org.freedesktop.PolicyKit1.Authority. Any answer but a clear yes is a no.
 *
 * A question ends by the first of: polkit's reply or an error in its place, the time limit, the
 * caller leaving the bus. In the last two cases polkit is told, so that no password dialogue stays
 * open for nobody. While something is asked, one match tells which names leave the bus; it is in
 * force before polkit looks the caller up, so a caller that left earlier is an error of polkit's.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-journal.h>
#include <time.h>

#include "base/text.h"
#include "bus/bus-private.h"

#define POLKIT "org.freedesktop.PolicyKit1"
#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE POLKIT ".Authority"
#define ALLOW_INTERACTION 1U /* CheckAuthorizationFlags.AllowUserInteraction */

#define LIMIT_USEC (30 * 1000000ULL)
#define INTERACTIVE_LIMIT_USEC (120 * 1000000ULL)

struct bus_question {
	struct bus_question *next;
	struct bus *bus;
	sd_bus_slot *slot;
	char *sender;
	uint64_t number, deadline;
	bus_answered_fn answered;
	void *userdata;
};

const char *bus_action_id(enum bus_action a)
{
	static const char *const ids[BUS_ACTION_N] = {
		[BUS_ACTION_ACQUIRE] = BUS_NAME ".acquire",
		[BUS_ACTION_MANAGE] = BUS_NAME ".manage",
		[BUS_ACTION_RELOAD] = BUS_NAME ".reload",
	};

	return ids[a];
}

const char *bus_answer_to_text(enum bus_answer a)
{
	switch (a) {
	case BUS_ANSWER_NONE:
		return "polkit has not answered";
	case BUS_ANSWER_YES:
		return "polkit authorises it";
	case BUS_ANSWER_NO:
		return "polkit does not authorise it";
	case BUS_ANSWER_DISMISSED:
		return "the authentication that polkit wants was dismissed";
	case BUS_ANSWER_NO_INTERACTION:
		return "polkit wants an authentication, and the caller permits no interaction or "
		       "has no authentication agent";
	case BUS_ANSWER_UNAVAILABLE:
		return "polkit is not running, or could not answer";
	case BUS_ANSWER_LATE:
		return "polkit did not answer in time";
	case BUS_ANSWER_GONE:
		return "the caller left while polkit was asked";
	}
	return "";
}

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ULL + t.tv_nsec / 1000;
}

static bool is_interactive(const struct bus_call *call)
{
	return sd_bus_message_get_allow_interactive_authorization(call->message) > 0;
}

uint64_t bus_ask_deadline(const struct bus_call *call)
{
	return now_usec() + (is_interactive(call) ? INTERACTIVE_LIMIT_USEC : LIMIT_USEC);
}

static struct bus_question *question_free(struct bus_question *q)
{
	if (!q)
		return NULL;
	sd_bus_slot_unref(q->slot); /* the callback is not called any more */
	free(q->sender);
	free(q);
	return NULL;
}
DEFINE_CLEANUP(struct bus_question *, question_free);

static void cancellation_id(const struct bus_question *q, char ret[32])
{
	snprintf(ret, 32, "devlease-%" PRIu64, q->number);
}

/* Without a reply, so that a polkitd that hangs keeps nothing of ours. */
static void cancel(const struct bus_question *q)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
	char id[32];
	int r = sd_bus_message_new_method_call(q->bus->bus, &m, POLKIT, POLKIT_PATH,
		POLKIT_INTERFACE, "CancelCheckAuthorization");

	cancellation_id(q, id);
	if (r >= 0)
		r = sd_bus_message_append(m, "s", id);
	if (r >= 0)
		r = sd_bus_message_set_expect_reply(m, false);
	if (r >= 0)
		r = sd_bus_message_set_auto_start(m, false);
	if (r >= 0)
		(void)sd_bus_send(q->bus->bus, m, NULL);
}

static void finish(struct bus_question *q, enum bus_answer answer)
{
	struct bus *b = q->bus;
	bus_answered_fn answered = q->answered;
	void *userdata = q->userdata;

	for (struct bus_question **p = &b->questions; *p; p = &(*p)->next)
		if (*p == q) {
			*p = q->next;
			break;
		}
	if (answer == BUS_ANSWER_LATE || answer == BUS_ANSWER_GONE)
		cancel(q);
	question_free(q);
	answered(userdata, answer);
	if (!b->questions)
		b->leaving = sd_bus_slot_unref(b->leaving);
}

/* --- the answer --- */

static int read_dismissed(sd_bus_message *reply, bool *ret)
{
	const char *key, *value;
	int r = sd_bus_message_enter_container(reply, 'a', "{ss}");

	*ret = false;
	if (r < 0)
		return r;
	while ((r = sd_bus_message_read(reply, "{ss}", &key, &value)) > 0)
		*ret |= streq(key, "polkit.dismissed");
	return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static enum bus_answer read_answer(sd_bus_message *reply)
{
	int authorised, challenge;
	bool dismissed;
	int r = sd_bus_message_enter_container(reply, 'r', "bba{ss}");

	if (r >= 0)
		r = sd_bus_message_read(reply, "bb", &authorised, &challenge);
	if (r >= 0)
		r = read_dismissed(reply, &dismissed);
	if (r < 0)
		return BUS_ANSWER_UNAVAILABLE;
	if (authorised)
		return BUS_ANSWER_YES;
	if (challenge)
		return BUS_ANSWER_NO_INTERACTION;
	return dismissed ? BUS_ANSWER_DISMISSED : BUS_ANSWER_NO;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *e)
{
	struct bus_question *q = userdata;

	if (!sd_bus_message_is_method_error(reply, NULL))
		finish(q, read_answer(reply));
	else if (now_usec() >= q->deadline)
		finish(q, BUS_ANSWER_LATE);
	else
		finish(q, BUS_ANSWER_UNAVAILABLE);
	return 1;
}

/* --- callers that leave --- */

static struct bus_question *find_question(struct bus *b, const char *sender)
{
	for (struct bus_question *q = b->questions; q; q = q->next)
		if (streq(q->sender, sender))
			return q;
	return NULL;
}

static int on_name_left(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	struct bus *b = userdata;
	struct bus_question *q;
	const char *name;

	if (sd_bus_message_read(m, "s", &name) < 0)
		return 0;
	/* From the head each time: what is told of the answer may end or begin others. */
	while ((q = find_question(b, name)))
		finish(q, BUS_ANSWER_GONE);
	return 0;
}

static int on_match(sd_bus_message *m, void *userdata, sd_bus_error *e)
{
	if (sd_bus_message_is_method_error(m, NULL))
		sd_journal_print(LOG_WARNING, "The bus does not tell who leaves (%s): requests that "
			"wait for polkit end by their time limit", sd_bus_message_get_error(m)->name);
	return 1;
}

/* The callback matters: without one a refused match would end the connection. */
static int watch_names(struct bus *b)
{
	if (b->leaving)
		return 0;
	return sd_bus_add_match_async(b->bus, &b->leaving,
		"type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
		"interface='org.freedesktop.DBus',member='NameOwnerChanged',arg2=''",
		on_name_left, on_match, b);
}

/* --- the question --- */

static int append_details(sd_bus_message *call, char *const *details)
{
	int r = sd_bus_message_open_container(call, 'a', "{ss}");

	for (; r >= 0 && details && details[0]; details += 2)
		r = sd_bus_message_append(call, "{ss}", details[0], details[1]);
	return r < 0 ? r : sd_bus_message_close_container(call);
}

static int send_question(struct bus_question *q, bool interactive, enum bus_action action,
	char *const *details)
{
	_cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
	uint64_t now = now_usec();
	char id[32];
	int r = sd_bus_message_new_method_call(q->bus->bus, &call, POLKIT, POLKIT_PATH,
		POLKIT_INTERFACE, "CheckAuthorization");

	cancellation_id(q, id);
	if (r >= 0)
		r = sd_bus_message_append(call, "(sa{sv})s", "system-bus-name", 1, "name", "s",
			q->sender, bus_action_id(action));
	if (r >= 0)
		r = append_details(call, details);
	if (r >= 0)
		r = sd_bus_message_append(call, "us", interactive ? ALLOW_INTERACTION : 0, id);
	return r < 0 ? r : sd_bus_call_async(q->bus->bus, &q->slot, call, on_reply, q,
		q->deadline > now ? q->deadline - now : 1);
}

int bus_ask(struct bus *b, const struct bus_call *call, enum bus_action action, char *const *details,
	uint64_t deadline, bus_answered_fn answered, void *userdata)
{
	_cleanup_(question_free_cleanup) struct bus_question *q = calloc(1, sizeof(*q));
	int r = q ? strdup_to(&q->sender, sd_bus_message_get_sender(call->message)) : -ENOMEM;

	if (r < 0)
		return r;
	q->bus = b;
	q->number = ++b->last_question;
	q->deadline = deadline;
	q->answered = answered;
	q->userdata = userdata;
	r = watch_names(b);
	if (r >= 0)
		r = send_question(q, is_interactive(call), action, details);
	if (r < 0)
		return r;
	q->next = b->questions;
	b->questions = TAKE_PTR(q);
	return 0;
}

void bus_ask_done(struct bus *b)
{
	while (b->questions) {
		struct bus_question *q = b->questions;

		b->questions = q->next;
		question_free(q);
	}
	b->leaving = sd_bus_slot_unref(b->leaving);
}
