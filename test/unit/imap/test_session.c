#include "test/unit/folder.h"
#include "test/unit/unit.h"

#include <ftw.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "imap/session/session.h"
#include "test/fault/testdisk.h"

/*
 * Sessions on a real store.  A script has lines
 *
 *   1< text     client 1 (or 2) sends the text and CRLF
 *   1> pattern  it gets a line like this (fnmatch: * ? [])
 *   1= text     it gets exactly this line
 *   1! text     client 1 sends the text without a line end; \n in it is CRLF
 *
 * and a client's login is greeted before it begins.
 */
struct fixture {
	char dir[UNIT_FOLDER_MAX];
	struct store *st;
	struct pool *pool;
	int fd[2];
	char in[2][65536]; /* read and not yet taken */
	size_t n[2];
};

static int
remove_one(const char *path, const struct stat *sb, int type, struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
client(struct fixture *k, struct imap_limits lim)
{
	int pair[2];
	struct imap_session_args args = {
	    .store = k->st,
	    .account = "anna",
	    .hostname = "mail.example.org",
	    .peer = "192.0.2.1",
	    .tag = SV("login"),
	    .limits = lim,
	};

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	args.fd = pair[1];
	pool_add(k->pool, imap_session_new(&args));
	return pair[0];
}

static void script(struct fixture *k, const char *text);

/* On a disk that fails at will. */
static void
fixture_open_on(struct fixture *k, struct testdisk *disk)
{
	struct store_opts o = {.io = testdisk_io(disk), .low_water_bytes = 1};
	struct err err = {0, ""};

	memset(k, 0, sizeof *k);
	ck_assert_msg(
	    store_open(".", &o, &k->st, &err) == RC_OK, "%s", err.text);
	k->pool = pool_new(4);
	k->fd[0] = client(k, IMAP_LIMITS_DEFAULT);
	k->fd[1] = client(k, IMAP_LIMITS_DEFAULT);
	script(k, "1> login OK *Logged in.\n2> login OK *Logged in.\n");
}

static void
fixture_open(struct fixture *k, struct imap_limits lim)
{
	struct store_opts o = {.low_water_bytes = 1};
	struct err err = {0, ""};

	memset(k, 0, sizeof *k);
	unit_folder(k->dir, "imap");
	ck_assert_msg(
	    store_open(k->dir, &o, &k->st, &err) == RC_OK, "%s", err.text);
	k->pool = pool_new(4);
	k->fd[0] = client(k, lim);
	k->fd[1] = client(k, lim);
}

static void
fixture_close(struct fixture *k)
{
	close(k->fd[0]);
	close(k->fd[1]);
	ck_assert(pool_stop(k->pool, 5000));
	store_close(&k->st);
	if (k->dir[0] != '\0')
		nftw(k->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* The next line of a client, without CRLF; NULL if none comes. */
static const char *
next_line(struct fixture *k, int c)
{
	static char line[65536];

	for (;;) {
		char *end = memmem(k->in[c], k->n[c], "\r\n", 2);
		struct pollfd p = {.fd = k->fd[c], .events = POLLIN};
		ssize_t got;

		if (end != NULL) {
			size_t n = (size_t)(end - k->in[c]);

			memcpy(line, k->in[c], n);
			line[n] = '\0';
			k->n[c] -= n + 2;
			memmove(k->in[c], end + 2, k->n[c]);
			return line;
		}
		if (poll(&p, 1, 5000) <= 0)
			return NULL;
		got = read(
		    k->fd[c], k->in[c] + k->n[c], sizeof k->in[c] - k->n[c]);
		if (got <= 0)
			return NULL;
		k->n[c] += (size_t)got;
	}
}

static void
send_text(struct fixture *k, int c, struct sv text, bool raw)
{
	struct buf b;

	buf_init(&b, 1 << 20);
	for (; text.n > 0; text = sv_skip(text, 1)) {
		if (raw && sv_starts(text, SV("\\n"))) {
			buf_adds(&b, "\r\n");
			text = sv_skip(text, 1);
		} else {
			buf_addc(&b, text.p[0]);
		}
	}
	if (!raw)
		buf_adds(&b, "\r\n");
	ck_assert_int_eq(write(k->fd[c], b.p, b.n), (ssize_t)b.n);
	buf_fini(&b);
}

static void
script(struct fixture *k, const char *text)
{
	struct sv all = sv_str(text);

	while (all.n > 0) {
		struct sv step = sv_split(&all, '\n');
		char *want = sv_dup(sv_skip(step, 3));
		int c = step.p[0] - '1';
		const char *got;

		switch (step.p[1]) {
		case '<':
		case '!':
			send_text(k, c, sv_skip(step, 3), step.p[1] == '!');
			break;
		default:
			got = next_line(k, c);
			ck_assert_msg(got != NULL, "nothing for: %s", want);
			ck_assert_msg(step.p[1] == '=' ? strcmp(want, got) == 0
						       : fnmatch(want, got,
							     FNM_NOESCAPE) == 0,
			    "wanted: %s\ngot:    %s", want, got);
			break;
		}
		free(want);
	}
}

static void
play_with(struct imap_limits lim, const char *text)
{
	struct fixture k;

	fixture_open(&k, lim);
	script(&k, "1> login OK *Logged in.\n2> login OK *Logged in.\n");
	script(&k, text);
	fixture_close(&k);
}

static void
play(const char *text)
{
	play_with(IMAP_LIMITS_DEFAULT, text);
}

#define SELECTED(c, n)                                                    \
	c "> [*] FLAGS *\n" c "> [*] OK ?PERMANENTFLAGS *\n" c "> [*] " n \
	  " EXISTS\n" c "> [*] 0 RECENT\n"
#define UNSEEN(c) c "> [*] OK ?UNSEEN *\n"
#define UIDS(c)                                                   \
	c "> [*] OK ?UIDVALIDITY *\n" c "> [*] OK ?UIDNEXT *\n" c \
	  "> [*] OK ?HIGHESTMODSEQ *\n" c "> [*] OK ?MAILBOXID *\n"
#define APPEND1                                               \
	"1! a APPEND INBOX {34+}\\nSubject: one\\n\\nHello, " \
	"world.\\n1\\n\\n\n"
#define MESSAGE_34 "Subject: one\\n\\nHello, world.\\n1\\n"

START_TEST(imap_session__appends_and_fetches)
{
	play("1! a APPEND INBOX (\\Seen work) \"17-Jul-1996 02:44:25 -0700\" "
	     "{34}\\n\n"
	     "1> + *\n"
	     "1! " MESSAGE_34 "\\n\n"
	     "1> a OK [[]APPENDUID * 1] *\n"
	     "1< b SELECT INBOX\n" SELECTED("1", "1") UIDS(
		 "1") "1> b OK ?READ-WRITE] *\n"
		      "1< c FETCH 1 (FLAGS INTERNALDATE RFC822.SIZE UID)\n"
		      "1= * 1 FETCH (UID 1 RFC822.SIZE 34 FLAGS (\\Seen work) "
		      "INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\n"
		      "1> c OK *\n"
		      "1< d FETCH 1 BODY[]\n"
		      "1= * 1 FETCH (BODY[] {34}\n"
		      "1= Subject: one\n1= \n1= Hello, world.\n1= 1\n1= )\n"
		      "1> d OK *\n"
		      "1< e FETCH 1 (BODY.PEEK[TEXT]<7.5> BODY[HEADER.FIELDS "
		      "(subject)])\n"
		      "1= * 1 FETCH (BODY[TEXT]<7> {5}\n"
		      "1= world BODY[HEADER.FIELDS (subject)] {16}\n"
		      "1= Subject: one\n1= \n1= )\n"
		      "1> e OK *\n"
		      "1< f FETCH 1 (BODY[9] BODY[HEADER]<100.5>)\n"
		      "1= * 1 FETCH (BODY[9] NIL BODY[HEADER]<100> {0}\n"
		      "1= )\n"
		      "1> f OK *\n");
}
END_TEST

START_TEST(imap_session__sets_seen_unless_it_peeks)
{
	play(APPEND1
	    "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED("1", "1") UNSEEN("1") UIDS(
		"1") "1> b OK *\n"
		     "1< c FETCH 1 BODY.PEEK[TEXT]<0.1>\n"
		     "1= * 1 FETCH (BODY[TEXT]<0> {1}\n1= H)\n"
		     "1> c OK *\n"
		     "1< d FETCH 1 BODY[TEXT]<0.1>\n"
		     "1= * 1 FETCH (FLAGS (\\Seen) BODY[TEXT]<0> {1}\n1= H)\n"
		     "1> d OK *\n"
		     "1< e EXAMINE INBOX\n1> [*] OK ?CLOSED] *\n" SELECTED(
			 "1", "1") UIDS("1") "1> e OK ?READ-ONLY] *\n"
					     "1< f STORE 1 -FLAGS \\Seen\n"
					     "1> f NO ?READ-ONLY] *\n");
}
END_TEST

START_TEST(imap_session__makes_bare_lf_crlf)
{
	/* 'A' LF 'B' CR LF LF: seven bytes, two of them made to four. */
	struct fixture k;

	fixture_open(&k, IMAP_LIMITS_DEFAULT);
	script(&k, "1> login OK *\n2> login OK *\n"
		   "1! a APPEND INBOX {9+}\\n\n");
	ck_assert_int_eq(write(k.fd[0], "\nA\nB\r\n\n", 7), 7);
	(void)usleep(20000);
	ck_assert_int_eq(write(k.fd[0], "\r", 1), 1);
	(void)usleep(20000);
	ck_assert_int_eq(write(k.fd[0], "\n\r\n", 3), 3);
	script(&k, "1> a OK *\n"
		   "1< b SELECT INBOX\n" SELECTED("1", "1") UNSEEN("1")
		       UIDS("1") "1> b OK *\n"
				 "1< c FETCH 1 BODY[]\n"
				 "1= * 1 FETCH (FLAGS (\\Seen) BODY[] {12}\n"
				 "1= \n1= A\n1= B\n1= \n1= \n1= )\n"
				 "1> c OK *\n");
	fixture_close(&k);
}
END_TEST

START_TEST(imap_session__refuses_bad_appends)
{
	struct imap_limits lim = IMAP_LIMITS_DEFAULT;

	lim.append = 40;
	play_with(lim,
	    "1! a APPEND nowhere {5}\\n\n1> a NO ?TRYCREATE] *\n"
	    "1! b APPEND nowhere {5+}\\nhello\\n\n1> b NO ?TRYCREATE] *\n"
	    "1! c APPEND INBOX {41}\\n\n1> c NO ?TOOBIG] *\n"
	    "1! d APPEND INBOX {41+}\\n"
	    "12345678901234567890123456789012345678901\\n\n"
	    "1> d NO ?TOOBIG] *\n"
	    "1< e APPEND INBOX\n1> e BAD *\n"
	    "1! f APPEND INBOX (\\Seen {5}\\n\n1> f BAD *\n"
	    "1! g APPEND INBOX ~{41}\\n\n1> g NO ?TOOBIG] *\n"
	    "1! h APPEND INBOX {5+}\\nhello junk\\n\n1> h BAD *\n"
	    "1! i APPEND {5+}\\nINBOX {5+}\\nhello\\n\n1> i OK *\n"
	    "1< j STATUS INBOX (MESSAGES)\n"
	    "1= * STATUS INBOX (MESSAGES 1)\n1> j OK *\n"
	    "1! k APPEND INBOX {1000000+}\\n\n1> k NO *\n1> [*] BYE *\n");
}
END_TEST

START_TEST(imap_session__appends_all_or_none)
{
	play("1! a APPEND INBOX (\\Seen) {3+}\\nx\\n (\\Draft) {3}\\n\n"
	     "1> + *\n"
	     "1! y\\n\\n\n"
	     "1> a OK ?APPENDUID * 1:2] *\n"
	     "1! b APPEND INBOX {3+}\\nx\\n (\\Draft {3}\\n\n"
	     "1> b BAD *\n"
	     "1< c STATUS INBOX (MESSAGES UNSEEN)\n"
	     "1= * STATUS INBOX (MESSAGES 2 UNSEEN 1)\n1> c OK *\n");
}
END_TEST

START_TEST(imap_session__tells_others_at_the_right_time)
{
	play(APPEND1
	    "1> a OK *\n" APPEND1 "1> a OK *\n" APPEND1 "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED("1", "3") UNSEEN("1") UIDS(
		"1") "1> b OK *\n"
		     "2< b SELECT INBOX\n" SELECTED("2", "3") UNSEEN("2") UIDS(
			 "2") "2> b OK *\n"
			      "1< c STORE 1,3 +FLAGS.SILENT (\\Deleted)\n1> c "
			      "OK *\n"
			      "1< d EXPUNGE\n1= * 3 EXPUNGE\n1= * 1 EXPUNGE\n"
			      "1> d OK *\n"
			      /* Numbers stay during FETCH, STORE and SEARCH. */
			      "2< e FETCH 1:3 UID\n"
			      "2= * 1 FETCH (UID 1)\n2= * 2 FETCH (UID 2)\n"
			      "2= * 3 FETCH (UID 3)\n"
			      "2= * 1 FETCH (UID 1 FLAGS (\\Deleted))\n"
			      "2= * 3 FETCH (UID 3 FLAGS (\\Deleted))\n"
			      "2> e OK *\n"
			      "2< f SEARCH ALL\n2= * SEARCH 1 2 3\n2> f OK *\n"
			      "2< g FETCH 3 BODY.PEEK[TEXT]<0.5>\n"
			      "2= * 3 FETCH (BODY[TEXT]<0> {5}\n2= Hello)\n"
			      "2> g OK *\n"
			      "2< h NOOP\n2= * 3 EXPUNGE\n2= * 1 EXPUNGE\n2> h "
			      "OK *\n"
			      "1< i STORE 1 FLAGS (\\Flagged)\n"
			      "1= * 1 FETCH (FLAGS (\\Flagged))\n1> i OK *\n"
			      "2< j NOOP\n2= * 1 FETCH (UID 2 FLAGS "
			      "(\\Flagged))\n"
			      "2> j OK *\n");
}
END_TEST

START_TEST(imap_session__idles)
{
	play("2< b SELECT INBOX\n" SELECTED("2", "0")
		UIDS("2") "2> b OK *\n"
			  "2< c IDLE\n2> + *\n" APPEND1 "1> a OK *\n"
			  "2= * 1 EXISTS\n2= * 0 RECENT\n"
			  "2< DONE\n2> c OK *\n"
			  "2< d IDLE\n2> + *\n2< what\n2> d BAD *\n"
			  "2! e IDLE\\nDONE\\nf NOOP\\n\n2> + *\n2> e OK *\n2> "
			  "f OK *\n");
}
END_TEST

START_TEST(imap_session__copies_and_moves)
{
	play(APPEND1
	    "1> a OK *\n" APPEND1 "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED("1", "2") UNSEEN("1") UIDS(
		"1") "1> b OK *\n"
		     "1< c COPY 1:2 Archive\n"
		     "1> c OK ?COPYUID * 1:2 1:2] *\n"
		     "1< d UID MOVE 2 Archive\n"
		     "1> [*] OK ?COPYUID * 2 3] *\n1= * 2 EXPUNGE\n"
		     "1> d OK *\n"
		     "1< e COPY 1 nowhere\n1> e NO ?TRYCREATE] *\n"
		     "1< f COPY 2 Archive\n1> f BAD *\n"
		     "1< g UID COPY 77 Archive\n1= g OK Copied.\n"
		     "1< h STATUS Archive (MESSAGES UIDNEXT SIZE)\n"
		     "1= * STATUS Archive (MESSAGES 3 UIDNEXT 4 SIZE 102)\n"
		     "1> h OK *\n");
}
END_TEST

START_TEST(imap_session__searches)
{
	play(
	    "1! a APPEND INBOX (\\Seen) \"01-Feb-1994 23:00:00 -0700\" "
	    "{90+}\\nFrom: Anna <anna@example.org>\\n"
	    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\\n"
	    "\\nHello World\\n{.}!\\n\\n\n"
	    "1> a OK *\n" APPEND1 "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED("1", "2") UNSEEN("1") UIDS(
		"1") "1> b OK *\n"
		     "1< c SEARCH FROM ANNA\n1= * SEARCH 1\n1> c OK *\n"
		     "1< d UID SEARCH BODY hello NOT SEEN\n1= * SEARCH 2\n"
		     "1> d OK *\n"
		     "1< e SEARCH ON 1-Feb-1994\n1= * SEARCH 1\n1> e OK *\n"
		     "1< f SEARCH RETURN (MIN MAX COUNT) ALL\n"
		     "1= * ESEARCH (TAG \"f\") MIN 1 MAX 2 COUNT 2\n1> f OK *\n"
		     "1< g UID SEARCH RETURN () TEXT hello\n"
		     "1= * ESEARCH (TAG \"g\") UID ALL 1:2\n1> g OK *\n"
		     "1< h SEARCH CHARSET KLINGON TEXT x\n"
		     "1> h NO ?BADCHARSET *\n"
		     "1! i SEARCH CHARSET UTF-8 SUBJECT "
		     "{4+}\\nR\xc3\x9c\xc3\\n\n"
		     "1= * SEARCH\n1> i OK *\n"
		     "1! j SEARCH CHARSET UTF-8 SUBJECT {3+}\\nR\xc3\x9c\\n\n"
		     "1= * SEARCH 1\n1> j OK *\n"
		     "1! k SEARCH CHARSET ISO-8859-1 SUBJECT {2+}\\nr\xfc\\n\n"
		     "1= * SEARCH 1\n1> k OK *\n"
		     "1< l SEARCH HEADER Subject \"\"\n1= * SEARCH 1 2\n"
		     "1> l OK *\n"
		     "1< m SEARCH OR LARGER 34 SUBJECT one\n1= * SEARCH 1 2\n"
		     "1> m OK *\n"
		     "1< n SEARCH 5 UID 1:*\n1= * SEARCH\n1> n OK *\n");
}
END_TEST

START_TEST(imap_session__manages_mailboxes)
{
	play("1< a CREATE Work/2026/\n1> a OK *\n"
	     "1< b LIST \"\" Work*\n"
	     "1= * LIST (\\HasChildren) \"/\" Work\n"
	     "1= * LIST (\\HasNoChildren) \"/\" Work/2026\n1> b OK *\n"
	     "1< c LIST \"\" inb%\n"
	     "1= * LIST (\\HasNoChildren) \"/\" INBOX\n1> c OK *\n"
	     "1< d LIST \"\" \"\"\n1= * LIST (\\Noselect) \"/\" \"\"\n"
	     "1> d OK *\n"
	     "1< e CREATE Entw&APw-rfe\n1> e OK *\n"
	     "1< f LIST \"\" \"Entw&APw-%\"\n"
	     "1= * LIST (\\HasNoChildren) \"/\" Entw&APw-rfe\n1> f OK *\n"
	     "1< g CREATE &bad\n1> g NO ?CANNOT] *\n"
	     "1< h CREATE inbox\n1> h NO *\n"
	     "1< i DELETE INBOX\n1> i NO ?CANNOT] *\n"
	     "1< j SUBSCRIBE Work/2026\n1> j OK *\n"
	     "1< k LSUB \"\" Work/%\n1= * LSUB () \"/\" Work/2026\n"
	     "1> k OK *\n"
	     "1< l LSUB \"\" W%\n1= * LSUB (\\Noselect) \"/\" Work\n"
	     "1> l OK *\n"
	     "1< m RENAME Work Play\n1> m OK *\n"
	     "1< n STATUS Play/2026 (MESSAGES)\n"
	     "1= * STATUS Play/2026 (MESSAGES 0)\n1> n OK *\n"
	     "1< o SELECT Work/2026\n1> o NO ?NONEXISTENT] *\n"
	     "1< p CREATE Mine (USE (\\Junk))\n1> p *\n"
	     "1< q CREATE X (USE (\\All))\n1> q NO ?USEATTR] *\n");
}
END_TEST

START_TEST(imap_session__survives_a_deleted_mailbox)
{
	play("1< a CREATE X\n1> a OK *\n"
	     "1< b SELECT X\n" SELECTED("1", "0")
		 UIDS("1") "1> b OK *\n"
			   "2< b SELECT X\n" SELECTED("2", "0") UIDS(
			       "2") "2> b OK *\n"
				    "1< c DELETE X\n1> c OK *\n"
				    "1< d CHECK\n1> d BAD *\n"
				    "2< d NOOP\n2> [*] BYE *\n2> d OK *\n");
}
END_TEST

START_TEST(imap_session__ends_after_too_much_nonsense)
{
	struct imap_limits lim = IMAP_LIMITS_DEFAULT;

	lim.bad = 3;
	play_with(lim, "1< a X\n1> a BAD *\n1< b NOOP\n1> b OK *\n"
		       "1< a X\n1> a BAD *\n1< a\n1> a BAD *\n"
		       "1< a X\n1> a BAD *\n1> [*] BYE *\n");
}
END_TEST

START_TEST(imap_session__says_bye_to_the_silent)
{
	struct imap_limits lim = IMAP_LIMITS_DEFAULT;
	struct fixture k;
	int i;

	lim.idle_ms = 50;
	fixture_open(&k, lim);
	script(&k, "1> login OK *\n2> login OK *\n");
	for (i = 0; i < 20; i++) {
		(void)usleep(10000);
		pool_tick(k.pool);
	}
	script(&k, "1> [*] BYE *\n2> [*] BYE *\n");
	fixture_close(&k);
}
END_TEST

/* Whatever is pipelined in one write is answered in order. */
START_TEST(imap_session__pipelines)
{
	play("1! a NOOP\\nb CREATE X\\nc APPEND X {3+}\\nx\\n\\n"
	     "d SELECT X\\ne LOGOUT\\n\n"
	     "1> a OK *\n1> b OK *\n1> c OK *\n" SELECTED("1", "1") UNSEEN("1")
		 UIDS("1") "1> d OK *\n1> [*] BYE *\n1> e OK *\n");
}
END_TEST

/* The disk fails: nobody is told that something was done. */
START_TEST(imap_session__says_bye_when_the_disk_fails)
{
	struct testdisk *disk = testdisk_new();
	struct fixture k;

	fixture_open_on(&k, disk);
	script(&k, APPEND1 "1> a OK *\n"
			   "2< b IDLE\n2> + *\n");
	testdisk_stop_at(disk, testdisk_ops(disk));
	script(&k, APPEND1 "1> [*] BYE ?UNAVAILABLE] *\n");
	ck_assert_ptr_null(next_line(&k, 0));
	fixture_close(&k);
	testdisk_free(&disk);
}
END_TEST

START_TEST(imap_session__says_no_when_the_disk_is_full)
{
	struct testdisk *disk = testdisk_new();
	struct fixture k;

	fixture_open_on(&k, disk);
	script(&k, APPEND1 "1> a OK *\n");
	testdisk_capacity(disk, 1);
	script(&k,
	    APPEND1 "1> a NO ?OVERQUOTA] *\n"
		    "1< b SELECT INBOX\n" SELECTED("1", "1") UNSEEN("1")
			UIDS("1") "1> b OK *\n"
				  "1< c COPY 1 Sent\n1> c NO ?OVERQUOTA] *\n");
	fixture_close(&k);
	testdisk_free(&disk);
}
END_TEST

/* The file of the one large message; there are only segments beside it. */
static void
damage_one(void *arg, const char *name)
{
	if (strncmp(name, "0000", 4) != 0 || strlen(name) > 10)
		(void)testdisk_damage(arg, "log", name, 700000, 1);
}

static void
damage_body(struct testdisk *disk)
{
	const struct journal_io *io = testdisk_io(disk);
	int top = io->opendir(io, AT_FDCWD, ".", false);
	int fd = io->opendir(io, top, "log", false);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(io->list(io, fd, damage_one, disk), 0);
	io->close(io, fd);
	io->close(io, top);
}

/* Sizes: read in one piece, read in several, kept in a file of its own.  A
 * part is given as it is, the whole is not. */
static const size_t damaged_sizes[] = {9000, 200000, 1500000};

START_TEST(imap_session__names_damage_and_goes_on)
{
	struct testdisk *disk = testdisk_new();
	size_t size = damaged_sizes[_i];
	struct fixture k;
	struct buf b;

	fixture_open_on(&k, disk);
	buf_init(&b, 2000000);
	buf_addf(&b, "1! a APPEND INBOX {%zu+}\\n\n", size);
	script(&k, b.p);
	buf_reset(&b);
	while (b.n < size)
		buf_addc(&b, 'x');
	buf_adds(&b, "\r\n");
	ck_assert_int_eq(write(k.fd[0], b.p, b.n), (ssize_t)b.n);
	buf_fini(&b);
	script(&k, "1> a OK *\n");
	/* In the segment there are a first block and a few records before. */
	ck_assert(
	    testdisk_damage(disk, "log", "000001", 9000, 1) || size > 1000000);
	if (size > 1000000)
		damage_body(disk);
	script(&k, APPEND1
	    "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED("1", "2") UNSEEN("1")
		UIDS("1") "1> b OK *\n"
			  "1< c FETCH 1:2 (BODY.PEEK[] BODY.PEEK[]<0.4>)\n"
			  "1= * 1 FETCH (BODY[] NIL BODY[]<0> {4}\n"
			  "1= xxxx)\n"
			  "1= * 2 FETCH (BODY[] {34}\n"
			  "1= Subject: one\n1= \n1= Hello, world.\n1= 1\n"
			  "1=  BODY[]<0> {4}\n1= Subj)\n"
			  "1> c NO ?CORRUPTION] *\n");
	fixture_close(&k);
	testdisk_free(&disk);
}
END_TEST

/* ---- IMAP4rev2 ---- */

#define REV2(c)                                                              \
	c "< e ENABLE IMAP4rev2\n" c "> [*] ENABLED IMAP4rev2\n" c "> e OK " \
	  "*\n"
#define SELECTED2(c, n)                                                   \
	c "> [*] FLAGS *\n" c "> [*] OK ?PERMANENTFLAGS *\n" c "> [*] " n \
	  " EXISTS\n" c "> [*] LIST *INBOX\n"
#define THREE APPEND1 "1> a OK *\n" APPEND1 "1> a OK *\n" APPEND1 "1> a OK *\n"

START_TEST(imap_session__speaks_rev2_once_it_is_enabled)
{
	play("1< a ENABLE FOO\n1= * ENABLED\n1> a OK *\n" REV2("1") APPEND1
	    "1> a OK *\n"
	    "1< b SELECT INBOX\n" SELECTED2("1", "1")
		UIDS("1") "1> b OK *\n"
			  "1< c SEARCH ALL\n"
			  "1= * ESEARCH (TAG \"c\") ALL 1\n1> c OK *\n"
			  "1< d SELECT Sent\n"
			  "1> [*] OK ?CLOSED] *\n"
			  "1> [*] FLAGS *\n1> [*] OK *\n1= * 0 EXISTS\n"
			  "1= * LIST (\\HasNoChildren \\Sent \\Subscribed) "
			  "\"/\" Sent\n" UIDS(
			      "1") "1> d OK *\n"
				   "1< f STATUS Sent (RECENT)\n1> f BAD *\n"
				   "2< a SELECT INBOX\n" SELECTED("2", "1")
				       UNSEEN("2") UIDS("2") "2> a OK *\n");
}
END_TEST

START_TEST(imap_session__keeps_a_search_result)
{
	play(THREE "1< b SELECT INBOX\n" SELECTED("1", "3") UNSEEN("1") UIDS(
	    "1") "1> b OK *\n"
		 "1< c SEARCH RETURN (SAVE) 2:3\n1> c OK *\n"
		 "1< d FETCH $ UID\n"
		 "1= * 2 FETCH (UID 2)\n1= * 3 FETCH (UID 3)\n1> d OK *\n"
		 "1< e UID STORE 1:2 +FLAGS.SILENT \\Deleted\n1> e OK *\n"
		 "1< f EXPUNGE\n"
		 "1= * 2 EXPUNGE\n1= * 1 EXPUNGE\n1> f OK *\n"
		 "1< g FETCH $ UID\n1= * 1 FETCH (UID 3)\n1> g OK *\n"
		 "1< h UID SEARCH RETURN (SAVE) CHARSET x ALL\n"
		 "1> h NO ?BADCHARSET *\n"
		 "1< i FETCH $ UID\n1> i OK *\n");
}
END_TEST

/* Every second message: as many ranges as messages. */
START_TEST(imap_session__refuses_to_save_too_much)
{
	struct imap_limits lim = IMAP_LIMITS_DEFAULT;

	lim.saved = 1;
	play_with(lim,
	    THREE "1< b SELECT INBOX\n" SELECTED("1", "3") UNSEEN("1")
		UIDS("1") "1> b OK *\n"
			  "1< c SEARCH RETURN (SAVE) 1\n1> c OK *\n"
			  "1< d SEARCH RETURN (SAVE COUNT) 1,3\n"
			  "1> d NO ?NOTSAVED] *\n"
			  "1< e FETCH $ UID\n1> e OK *\n"
			  "1< f SEARCH RETURN (SAVE COUNT) ALL\n"
			  "1= * ESEARCH (TAG \"f\") COUNT 3\n1> f OK *\n"
			  "1< g UID SEARCH RETURN (ALL) $\n"
			  "1= * ESEARCH (TAG \"g\") UID ALL 1:3\n1> g OK *\n");
}
END_TEST

START_TEST(imap_session__bounds_the_patterns_of_list)
{
	struct imap_limits lim = IMAP_LIMITS_DEFAULT;

	lim.patterns = 2;
	play_with(lim,
	    "1< a LIST \"\" (INBOX Sent)\n"
	    "1> [*] LIST * INBOX\n1> [*] LIST * Sent\n1> a OK *\n"
	    "1< b LIST \"\" (INBOX Sent Junk)\n1> b BAD ?LIMIT] *\n");
}
END_TEST

START_TEST(imap_session__takes_encodings_off)
{
	play("1! a APPEND INBOX {73+}\\nContent-Type: text/plain\\n"
	     "Content-Transfer-Encoding: base64\\n\\naGVsbG8=\\n\\n\n"
	     "1> a OK *\n"
	     "1! b APPEND INBOX {40+}\\nContent-Transfer-Encoding: x-foo\\n"
	     "\\nhi\\n\\n\n"
	     "1> b OK *\n"
	     "1< c SELECT INBOX\n" SELECTED("1", "2") UNSEEN("1")
		 UIDS("1") "1> c OK *\n"
			   "1< d FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1]<1.3>)\n"
			   "1= * 1 FETCH (BINARY.SIZE[1] 5 BINARY[1]<1> {3}\n"
			   "1= ell)\n1> d OK *\n"
			   "1< e FETCH 1:2 BINARY.SIZE[1]\n"
			   "1= * 1 FETCH (BINARY.SIZE[1] 5)\n"
			   "1= * 2 FETCH (UID 2)\n"
			   "1> e NO ?UNKNOWN-CTE] *\n"
			   "1< f FETCH 1 BINARY[1]\n"
			   "1= * 1 FETCH (FLAGS (\\Seen) BINARY[1] {5}\n"
			   "1= hello)\n1> f OK *\n");
}
END_TEST

UNIT_TESTS(imap_session)
{
	TCase *tc = tcase_create("session");

	tcase_add_test(tc, imap_session__appends_and_fetches);
	tcase_add_test(tc, imap_session__sets_seen_unless_it_peeks);
	tcase_add_test(tc, imap_session__makes_bare_lf_crlf);
	tcase_add_test(tc, imap_session__refuses_bad_appends);
	tcase_add_test(tc, imap_session__appends_all_or_none);
	tcase_add_test(tc, imap_session__tells_others_at_the_right_time);
	tcase_add_test(tc, imap_session__idles);
	tcase_add_test(tc, imap_session__copies_and_moves);
	tcase_add_test(tc, imap_session__searches);
	tcase_add_test(tc, imap_session__manages_mailboxes);
	tcase_add_test(tc, imap_session__survives_a_deleted_mailbox);
	tcase_add_test(tc, imap_session__ends_after_too_much_nonsense);
	tcase_add_test(tc, imap_session__says_bye_to_the_silent);
	tcase_add_test(tc, imap_session__pipelines);
	tcase_add_test(tc, imap_session__says_bye_when_the_disk_fails);
	tcase_add_test(tc, imap_session__says_no_when_the_disk_is_full);
	tcase_add_loop_test(tc, imap_session__names_damage_and_goes_on, 0,
	    sizeof damaged_sizes / sizeof damaged_sizes[0]);
	tcase_add_test(tc, imap_session__speaks_rev2_once_it_is_enabled);
	tcase_add_test(tc, imap_session__keeps_a_search_result);
	tcase_add_test(tc, imap_session__refuses_to_save_too_much);
	tcase_add_test(tc, imap_session__bounds_the_patterns_of_list);
	tcase_add_test(tc, imap_session__takes_encodings_off);
	return tc;
}
