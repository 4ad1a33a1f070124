/*
 * The messages of the server: who says what to whom, with its fields in order.
 * Types are unique over all lines.  A request is answered by MSG_REPLY with
 * the same id; "->" shows the reply's fields.
 */
#ifndef IPC_PROTO_H
#define IPC_PROTO_H

enum proto {
	/* MSG_REPLY = 1 */

	/* ---- supervisor and child, on the control line ---- */

	/* First of all: str build, u8 role, u32 generation, u32 account number
	 * (accounts only), str account name, u8 sandbox off, u32 landlock_max
	 * (as int), u8 kill unknown, u8 change user, u32 uid, u32 gid,
	 * u8 probe, str folder, str other folder, u8 log level, u64 clock
	 * offset (ms, for tests);
	 * fd: configuration, and for listeners certificate and key */
	CTL_BOOT = 16,
	CTL_LISTEN,  /* u8 conf_service; fd: listening socket */
	CTL_LINE,    /* u8 role at the other end, str its account; fd */
	CTL_READY,   /* child: I serve */
	CTL_CONFIG,  /* u32 generation; fd: configuration */
	CTL_DRAIN,   /* accept no more, leave after your last session,
			u64 ms at most */
	CTL_START,   /* keeper: u32 generation, u32 account number */
	CTL_REFUSED, /* -> keeper: str account: it cannot be started */
	CTL_CONTROL, /* fd: a connection of the command line */
	/* supervisor: how are you? -> CTL_STATUS: u32 connections, str what
	 * only this role knows (lines for people), u32 n, n times u64 tally of
	 * the last 24 hours, u32 n, n times u8 log_level, u64 when, str text */
	CTL_STATUS,
	CTL_ALIVE,  /* supervisor: are you? -> CTL_ALIVE */
	CTL_LET_IN, /* to listeners: all others serve, so may you */
	/* u8 role: a process of that kind asked me for what it may not have,
	 * or sent what is not a message */
	CTL_ACCUSE,
	/* supervisor: u8 log_level (255: as it is), str what is to be traced,
	 * u64 for how many ms (base/trace.h) */
	CTL_DEBUG,

	/* ---- listeners and submission to auth ---- */

	/* u8 conf_service, sv SASL PLAIN message, str peer, u8 tls, sv tag;
	 * fd: the session's end (none for submission)
	 * -> u32 rc, str text, u32 account number, str account name,
	 *    u32 generation, u64 credential
	 * RC_IO: a process died with it in hand; ask again, with a fresh fd */
	AUTH_LOGIN,
	/* auth to submission: str account, u64 credential: those sessions end
	 */
	AUTH_KICK,

	/*
	 * Submission and queue only.  str domain, u32 n, n times: str selector,
	 * sv SHA-256 of what is signed
	 * -> u32 rc, str text, u32 n, n times: u8 dkim_algorithm, str
	 *    selector, sv signature
	 * The hashes are those for the keys in force, in order; selectors that
	 * are not, or none: RC_NOTFOUND, the right ones, and no signatures.
	 * RC_DENIED: not a domain of ours.
	 */
	AUTH_SIGN,

	/* ---- auth to keeper, keeper to account ---- */

	/* str account, u8 conf_service, u64 credential, str peer, u8 tls,
	 * sv tag; fd -> u32 rc */
	SESSION_OPEN,
	/* str account, u64 credential: sessions that logged in with it end */
	SESSION_KICK,

	/*
	 * The command line to keeper, on a control connection, and keeper to
	 * account: an IMAP session of the machine's owner.  str account, u64
	 * who (not 0): one session at a time for each; fd: its end
	 * -> u32 rc, str text; RC_TEMP: an earlier one of that who still ends
	 */
	SESSION_LOCAL,

	/*
	 * The command line to keeper to account: what was expunged.  str
	 * account, then a query (account/expunged.h); fd: where the lines go
	 * -> u32 rc, str text, u64 messages, u64 bytes, u64 bytes freed
	 */
	EXPUNGED,

	/* ---- smtp, submission, queue to keeper, keeper to account ---- */

	/* str account, 16 bytes delivery id, u64 size, u8 flags; fd: body
	 * -> u32 rc, str text */
	DELIVER,

	/* ---- account to keeper ---- */

	/* First of all on each line: its store is open.  What was sent to it
	 * before has nothing to do with a death before that. */
	ACCOUNT_OPEN,
	ACCOUNT_LEAVE, /* may I go? -> u32 rc: RC_OK or RC_TEMP */
	ACCOUNT_USAGE, /* u64 bytes, u64 quota (0: none) */

	/* ---- keeper to those who deliver ---- */

	/* str account, u8 full: above its quota, nobody is to send it mail */
	ACCOUNT_FULL,

	/* ---- smtp, submission to queue ---- */

	QUEUE_FILE, /* -> u32 rc; fd: an empty unlinked file */
	/* 16 bytes delivery id, str sender, str account that submits it, u64
	 * size, u32 flags (SPOOL_*), sv bytes in front of the body, u32 n,
	 * n times u8 local, str account or address;
	 * fd: body -> u32 rc, str text */
	QUEUE_PUT,

	/* ---- whoever looks up names to dns (lib/dns/dns.h) ---- */

	/* str name, u32 type -> u32 rc, u8 security, u32 ttl,
	 * str canonical name, u32 n, n times sv data of a record */
	DNS_QUERY,

	/* ---- queue to mx ---- */

	/*
	 * One message for one destination: 16 bytes delivery id, str domain,
	 * u8 with relay: (str host, u32 port, u8 conf_tls, u8 implicit TLS,
	 * u8 fallback, str user, str password), str sender, u64 size, u32 flags
	 * (SPOOL_*), u32 n, n times (u32 which recipient of the message, str
	 * address); fd: body
	 * -> u32 rc (unless RC_OK, that is all; RC_TEMP: no room now), u64
	 *    number of the job, u8 reached, str words on the destination,
	 *    n times (u32 reply code, str words)
	 * Not reached: no host took it up; there are no codes then.
	 */
	MX_JOB,
	/* u64 number of a job: what became of it is on the disk.  Until then
	 * mx keeps that, also for a queue that is started anew. */
	MX_NOTED,
	/* mx, first of all: a job that another queue has given it and that is
	 * in flight: u64 number, 16 bytes delivery id, u32 n, n times u32
	 * recipient */
	MX_OPEN,
	/* What became of such a job, at once or later: u64 number, 16 bytes
	 * delivery id, u8 reached, str words on the destination, u32 n, n times
	 * (u32 recipient, u32 reply code, str words) */
	MX_LATE,
	MX_LISTED, /* mx: these were all; once */

	/* ---- command line to auth, on a control connection ---- */

	CMD_PASSWD,  /* str account, sv password, u8 weak -> rc, text, secret */
	CMD_APP_ADD, /* str account, str label -> rc, text, str password */
	CMD_APP_REVOKE, /* str account, str label -> rc, text */
	CMD_APP_LIST,	/* str account -> rc, text (the lines) */
	CMD_ACCOUNTS,	/* -> rc, text (the lines) */
	CMD_DKIM,	/* str domain -> rc, text ("SELECTOR RECORD" lines) */

	/* ---- command line to supervisor, on a connection of its own ---- */

	/* str process, or "account NAME", or "" for all, then as CTL_DEBUG
	 * -> u32 rc, str text */
	CMD_DEBUG,
	/* u32 n, n times: u8 look_for (cmd/supervisor/look.h), str path
	 * -> u32 n, n times: str why not; "": it can */
	CMD_LOOK,

	/* ---- command line to queue, on a control connection ---- */

	/* u8 with attempts, u32 n, n times a selector: u8 queue_pick, str
	 * -> u32 rc, str text, u32 n; fd: n records (spool/listing.h) */
	CMD_QUEUE_LIST,
	/* u8 queue_action, selectors as above -> u32 rc, str text, u32
	 * messages, u32 recipients, u32 being delivered now, u32 held */
	CMD_QUEUE_ACT,

	/* ---- the worker of an import or export to its command, which is its
	 * broker (imap/exchange/broker.h); but for SAY: -> u32 rc, str text,
	 * ... Paths are relative to the one folder. ---- */

	XCHG_SAY,	/* u8 broker_say, sv text; no answer */
	XCHG_LIST,	/* str path -> u8 more, u32 n, n times u8 broker_type,
			 * sv name */
	XCHG_LIST_MORE, /* -> as above */
	XCHG_OPEN,	/* str path -> fd to read */
	XCHG_MAKE,	/* str path: a folder; fine if there is one */
	XCHG_CREATE,	/* str path -> fd to write */
	XCHG_FINISH,	/* str from, str to, u64 mtime: renames */
	XCHG_SCRATCH,	/* str "" -> fd of a file without a name */
	XCHG_LOG,	/* sv: appended to the state's file and flushed */
	XCHG_SESSION,	/* str "" -> fd of a session of the account */
	XCHG_CONNECT,	/* str "" -> fd of a connection to the other server */
};

enum queue_action {
	QUEUE_RETRY,
	QUEUE_HOLD,
	QUEUE_RELEASE,
	QUEUE_REMOVE,
	QUEUE_BOUNCE, /* remove with a report to the sender */
	QUEUE_ACTIONS
};

/* Of a message in the spool, in QUEUE_PUT, MX_JOB and its records. */
#define SPOOL_EIGHT_BIT 0x1u /* its body has bytes above 127 */
#define SPOOL_BARE	0x2u /* without Return-Path: for the outside, too */
#define SPOOL_REPORT	0x4u /* a bounce or notice of ours */

#define DELIVER_OPAQUE 0x01u /* do not parse it: its parser died of it */

#endif
