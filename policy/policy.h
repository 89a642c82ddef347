/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The admin's policy: reading its files and matching one device of a request against its rules.
 * Pure: no D-Bus, no sysfs. A struct policy never changes after it was loaded; the daemon replaces
 * it as a whole.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macro.h"
#include "policy/verdict.h"

/* Bits, so that Handover= can be a set. */
enum handover {
	HANDOVER_ATTACHED = 1 << 0,
	HANDOVER_OPENED = 1 << 1,
	HANDOVER_GUARDED = 1 << 2,
	HANDOVER_NODE = 1 << 3,
};
#define HANDOVER_N 4

enum backend {
	BACKEND_ANY,
	BACKEND_IOMMUFD,
	BACKEND_LEGACY,
};

enum isolation {
	ISOLATION_GROUP, /* the default; the order is from loose to strict */
	ISOLATION_STRICT,
};

/* What becomes of a device after its lease. */
enum when_free {
	WHEN_FREE_DRIVER, /* back to what it had before */
	WHEN_FREE_VFIO,   /* stays on the vfio driver, with the driver_override it had before */
};

/* Bits: "both" is EXCLUSIVE|FUNCTION, tolerate is none of them. */
enum reset_set_requirement {
	RESET_SET_TOLERATE = 0,
	RESET_SET_EXCLUSIVE = 1 << 0,
	RESET_SET_FUNCTION = 1 << 1,
};

/* Names as in policy files and on the bus; from_string returns the value or -EINVAL. */
const char *handover_to_string(enum handover h);
int handover_from_string(const char *s);
const char *backend_to_string(enum backend b);
int backend_from_string(const char *s);
const char *isolation_to_string(enum isolation i);
int isolation_from_string(const char *s);
const char *when_free_to_string(enum when_free w);
int when_free_from_string(const char *s);
const char *reset_set_to_string(unsigned r); /* exclusive, function, both, tolerate */
int reset_set_from_string(const char *s);

/* One problem in a file; text has no file name in it. */
struct policy_error {
	char *file;
	unsigned line, column; /* from 1; 0 when it concerns the whole file */
	char *text;
	bool warning;
};
struct policy_errors {
	struct policy_error *items;
	size_t n;
};
void policy_errors_done(struct policy_errors *e);
/* "file:line:column: error: text\n" a line for all; NULL when out of memory. */
char *policy_errors_to_text(const struct policy_errors *e);

/* What a rule decides. Every field is set: [Defaults] were merged in at load. */
struct policy_terms {
	enum verdict access;
	unsigned handovers;                  /* set of enum handover */
	enum handover handover_order[HANDOVER_N]; /* as written, n_handovers of them */
	size_t n_handovers;
	enum backend backend;
	enum isolation isolation;
	unsigned reset_set;
	bool host_use_allow;                 /* a device that the host uses may be taken */
	enum when_free when_free;
	uint64_t max_leases, max_devices;    /* per uid; UINT64_MAX is no limit */
};

struct policy_rule {
	char *name;   /* "" for [Defaults] */
	char *file;   /* path of the file that names the rule */
	unsigned line;
	bool names_device; /* matches by Device=: a deny is then one "by name" */
	struct policy_terms terms;
	struct rule_match *match; /* opaque */
};

struct policy;

/* The facts that a rule can match. Pointers are borrowed; NULL strings match no pattern. */
struct policy_device {
	const char *address;
	uint16_t vendor, device;
	uint32_t class_code; /* 24 bits: base, sub, interface */
	const char *driver;
	const char *physical_function;
	int numa_node; /* -1: none */
};
struct policy_client {
	uid_t uid;
	const gid_t *gids;
	size_t n_gids;
	const char *unit; /* system unit; NULL: none, which matches no Unit= */
	/*
	 * Else nobody knows: then what is above says nothing, a rule that denies is taken to match
	 * in that key, and any other not to.
	 */
	bool groups_known, unit_known;
};

/*
 * Reads policy.d under the hierarchies of root_fd ("etc", "run", "usr/local/lib", "usr/lib", each
 * + "/devlease/policy.d/NAME.conf") by the UAPI configuration files specification. Returns 0 and a
 * policy, or -EBADMSG with errors filled (warnings may be there on success too), or another -errno.
 * User and group names are resolved now, never at a request.
 */
int policy_load(int root_fd, struct policy **ret, struct policy_errors *errors);
/* The same for given files, in the given order, for `policy check FILE...`. */
int policy_load_files(char *const *files, struct policy **ret, struct policy_errors *errors);
/* The same for one text in memory; name stands in messages. */
int policy_parse(const char *name, const char *text, size_t size, struct policy **ret,
	struct policy_errors *errors);
/* No rule, Access=deny and the built-in defaults: what is in force when nothing could be loaded.
 * It is for decisions to deny root as well then, since the files may have denied root. */
int policy_new_deny_all(struct policy **ret);
bool policy_is_deny_all(const struct policy *p);
void policy_free(struct policy *p);
DEFINE_CLEANUP(struct policy *, policy_free);
#define _cleanup_policy_free_ _cleanup_(policy_free_cleanup)

/*
 * The first rule that matches, in file order, or the one made of [Defaults]. Never NULL. For
 * uid 0 an Access that comes from [Defaults], by no match or by a missing key, is allow.
 * *ret_access is the access for this client.
 */
const struct policy_rule *policy_match(const struct policy *p, const struct policy_client *client,
	const struct policy_device *device, enum verdict *ret_access);
/* The first matching rule that denies this device by name (Device=), or NULL. */
const struct policy_rule *policy_denies_by_name(const struct policy *p,
	const struct policy_client *client, const struct policy_device *device);

/* All files with their names, as journaled with policy.loaded; owned by the policy. */
const char *policy_text(const struct policy *p);
size_t policy_n_rules(const struct policy *p);
const struct policy_rule *policy_rule_at(const struct policy *p, size_t i);
const struct policy_rule *policy_defaults(const struct policy *p);
/* The files in the order in which they were read, masked ones left out. Owned by the policy. */
char *const *policy_files(const struct policy *p);

/* One value of the effective policy. */
struct policy_item {
	const struct policy_rule *rule; /* or policy_defaults() */
	const char *key, *value;        /* a list is joined with blanks; live for the call */
	const char *file;               /* where it was written, or "built-in" */
	unsigned line;                  /* 0: built in; of a key given several times, the first */
	bool inherited;                 /* a rule has it from [Defaults] */
};
typedef int (*policy_item_fn)(const struct policy_item *item, void *userdata);
/* Section by section. Ends early with what fn returns below 0, or -ENOMEM. */
int policy_each_item(const struct policy *p, policy_item_fn fn, void *userdata);
/* Appends "KEY=VALUE\n" in lines of at most width bytes, where the words allow it. */
struct text;
void policy_item_wrap(struct text *t, const struct policy_item *item, size_t width);
/* The effective policy as an INI text, for `policy show`; NULL when out of memory. */
char *policy_to_text(const struct policy *p);
