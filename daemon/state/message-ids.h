/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * MESSAGE_IDs of the records that are mirrored to the system journal. The catalog explains each;
 * an id, once released, keeps its meaning for good.
 */
#pragma once

/* A lease was granted: its devices belong to the client from now on. */
#define MESSAGE_ID_LEASE_GRANTED "2e4a35a82ab8400283b927eb67adbfda"
/* A request was refused, by policy or because something is in the way. */
#define MESSAGE_ID_LEASE_REFUSED "11de4b2da2554f92983a9fa5ca75dd34"
/* A lease ended and its devices were taken back. */
#define MESSAGE_ID_LEASE_RELEASED "6ea63d9e69ad434c9e2ff56597f60d4f"
/* A permitted request failed at the kernel; what had been done was undone. */
#define MESSAGE_ID_LEASE_FAILED "9b8c8c666cf44dbaa43c5f79ff3f1c3b"
/* The head of the assignment journal, SEQ:HASH, for `devleasectl audit verify --head=`. */
#define MESSAGE_ID_JOURNAL_HEAD "fc90ea5200bc4b9e84ce620b3cbce72a"
