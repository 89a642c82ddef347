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
/* A request that was under way when the daemon ended, or whose client left, was taken back. */
#define MESSAGE_ID_LEASE_ABORTED "10eff458183f4726b1a164d1ed26875b"
/* What a live lease needs was gone when the daemon came back. */
#define MESSAGE_ID_LEASE_LOST "d8da79f8bc5648c098187941d0535d88"
/* An administrator took a lease away. */
#define MESSAGE_ID_LEASE_REVOKED "be36bbc94e1c410ba2472c6bc6301bf8"
/* A device may not be leased until an administrator clears it. */
#define MESSAGE_ID_DEVICE_QUARANTINED "9fce031148a4423a93b367de9050c3f6"
/* An administrator lets a device be leased again. */
#define MESSAGE_ID_DEVICE_CLEARED "b23a3fb64f2b40f6870c9bb540dcc7a9"
/* An operation on a device has not ended in time. */
#define MESSAGE_ID_DEVICE_STUCK "70ef88cd7c39459683c77ecf3d5a25bd"
/* A policy is in force from now on. */
#define MESSAGE_ID_POLICY_LOADED "fd4b7e266a1a49b5bea2be74cd2399bd"
/* Calls of a user were refused because there were too many. */
#define MESSAGE_ID_REQUESTS_DROPPED "f1d0200a65d74f158c85da63781088ca"
/* What a crash left at the end of the assignment journal was moved aside. */
#define MESSAGE_ID_JOURNAL_RECOVERED "083c079c72de48b1a76ed00a3502601e"
/* The head of the assignment journal, SEQ:HASH, for `devleasectl audit verify --head=`. */
#define MESSAGE_ID_JOURNAL_HEAD "fc90ea5200bc4b9e84ce620b3cbce72a"
