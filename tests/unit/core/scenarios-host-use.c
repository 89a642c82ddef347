/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the host does with a device, as facts, and what is decided on them. */
#include "machine.h"
#include "scenario.h"

#define DENY .verdict = VERDICT_DENY, .refusal = REFUSAL_IN_USE
#define ALLOW .verdict = VERDICT_ALLOW
#define PERMITTED RULE("HostUse=allow")

#define IN_USE(class) \
	{"a device with the use " class, .uid = 1000, .devices = SINGLE, \
		.uses = SINGLE "," class ",secret", DENY, .refusals = "host-use." class, \
		.also = "host-use.driver"}

const struct scenario host_use_scenarios[] = {
	{"not gathered yet", .uid = 1000, .devices = SINGLE, ALLOW, .also = "host-use.driver",
		.says = "will be unbound from nvme"},
	{"an idle disk", .uid = 1000, .devices = SINGLE, .uses = SINGLE ",none", ALLOW,
		.also = "host-use.driver", .says = "is not in use and will be unbound from nvme"},
	IN_USE("mounted"),
	IN_USE("swap"),
	IN_USE("holder"),
	IN_USE("open"),
	IN_USE("interface"),
	IN_USE("route"),
	IN_USE("master"),
	IN_USE("display"),
	IN_USE("console"),
	IN_USE("unknown-users"),
	{"each class once, in its order", .uid = 1000, .devices = SINGLE,
		.uses = SINGLE ",open,secret1 " SINGLE ",mounted,secret2 " SINGLE ",open,secret3",
		DENY, .refusals = "host-use.mounted host-use.open"},
	{"root is told where", .uid = 0, .devices = SINGLE,
		.uses = SINGLE ",mounted,/srv " SINGLE ",mounted,/home", DENY,
		.refusals = "host-use.mounted",
		.says = "a mounted file system is on it: /srv, /home"},
	{"root is told where when it asks for another user", .uid = 1000, .told = "0",
		.devices = SINGLE, .uses = SINGLE ",mounted,/srv", DENY,
		.refusals = "host-use.mounted", .says = "a mounted file system is on it: /srv"},
	{"who asks for root is not told", .uid = 0, .told = "1000", .devices = SINGLE,
		.uses = SINGLE ",mounted,secret", DENY, .refusals = "host-use.mounted"},
	{"but not without end", .uid = 0, .devices = SINGLE,
		.uses = SINGLE ",mounted,/a " SINGLE ",mounted,/b " SINGLE ",mounted,/c "
			SINGLE ",mounted,/d " SINGLE ",mounted,/e " SINGLE ",mounted,/f",
		DENY, .refusals = "host-use.mounted", .says = ": /a, /b, /c, /d and 2 more"},
	{"and nothing that is not printable", .uid = 0, .devices = SINGLE,
		.uses = SINGLE ",mounted,/a\033[31m", DENY, .refusals = "host-use.mounted",
		.says = ": /a\\x1b[31m"},
	{"what a rule permits", .policy = PERMITTED, .uid = 1000, .devices = SINGLE,
		.uses = SINGLE ",mounted,secret " SINGLE ",open,secret", ALLOW,
		.also = "host-use.mounted host-use.open",
		.says = "a mounted file system is on it; its rule permits to take it all the same"},
	{"root needs that rule, too", .uid = 0, .policy = "", .devices = SINGLE,
		.uses = SINGLE ",swap,/dev/nvme0n1p3", DENY, .refusals = "host-use.swap"},
	{"by the rule of its own device",
		.policy = "[Rule a]\nDevice=" SINGLE "\nAccess=allow\nHostUse=allow\n"
			"[Rule b]\nAccess=allow\n",
		.uid = 1000, .devices = SINGLE " " CONV_E1000 " " CONV_EDU,
		.uses = SINGLE ",mounted,secret " CONV_E1000 ",interface,secret", DENY,
		.refusals = "host-use.interface"},
	{"the use of another device", .uid = 1000, .devices = SINGLE,
		.uses = PF ",mounted,secret " SINGLE ",none", ALLOW},
	{"facts that the device has outlived", .machine = SINGLE "=vfio-pci", .uid = 1000,
		.devices = SINGLE, .uses = SINGLE ",mounted,secret", ALLOW,
		.also = "host-use.idle"},
	{"a group peer that the console is on", .machine = SLOT0 "~display", .uid = 1000,
		.devices = SLOT1, .uses = SLOT0 ",display,secret", DENY, .refusals = "host-use.peer",
		.says = SLOT0 " would have to be reserved with it, and it is the boot display"},
	{"and root is told where", .machine = SLOT0 "~display", .uid = 0, .devices = SLOT1,
		.uses = SLOT0 ",display,efifb", DENY, .refusals = "host-use.peer",
		.says = "shows the console: efifb"},
	{"a reset peer in another group", .machine = SPLIT0 "~display",
		.policy = RULE("ResetSet=exclusive"), .uid = 1000, .devices = SPLIT1,
		.uses = SPLIT0 ",display,secret", DENY, .refusals = "host-use.peer"},
	{"a display that nobody looks at", .machine = SLOT0 "~display", .uid = 1000,
		.devices = SLOT1, .uses = SLOT0 ",none", ALLOW},
	{"a display peer on a vfio driver", .machine = SLOT0 "~display " SLOT0 "=vfio-pci",
		.uid = 1000, .devices = SLOT1, .uses = SLOT0 ",display,secret", ALLOW},
	{"a peer that the rule permits", .machine = SLOT0 "~display", .policy = PERMITTED,
		.uid = 1000, .devices = SLOT1, .uses = SLOT0 ",display,secret", ALLOW,
		.also = "host-use.peer", .says = "its rule permits that"},
	{"a peer of two, permitted by one",
		.policy = "[Rule a]\nDevice=" SLOT1 "\nAccess=allow\nHostUse=allow\n"
			"[Rule b]\nAccess=allow\n",
		.machine = SLOT0 "~display", .uid = 1000, .devices = SLOT1 " " SLOT2,
		.uses = SLOT0 ",display,secret", DENY, .refusals = "host-use.peer",
		.also = "host-use.idle"},
	{0},
};
