/*
 * The demo: a complete server on the loopback with two accounts, in one
 * folder.  This process becomes the supervisor.  A second one, the guest,
 * waits until every port answers, delivers a welcome mail the first time,
 * writes try.env and prints what to do; it is a client like any other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <sodium.h>

#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "cmd/supervisor/certificate.h"
#include "cmd/supervisor/supervisor.h"
#include "cmd/supervisor/users.h"

#define HOST	   "127.0.0.1"
#define DOMAIN	   "home.test"
#define ANSWER_MS  15000
#define PASSWORD_N 16

static const char *const users[2] = {"anna", "ben"};

/* Asked for first; a free one is taken where somebody has it already. */
static const uint16_t ports[CONF_SERVICES] = {
    2525, 5587, 4465, 1143, 9993, 1110, 9995, 4190, 8080, 8443};

struct demo {
	char dir[400];
	char config[420];
	char env[420];
	char cert[420];
	char log[420];
	char secrets[420]; /* the passwords, from one start to the next */
	char password[2][PASSWORD_N + 1];
	uint16_t port[CONF_SERVICES];
	const char *relay; /* HOST:PORT for mail to the outside, or NULL */
	bool first;	   /* the folder is new */
	int64_t began;
};

/* ---- the folder ---- */

static bool
port_is_free(uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(*port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof a;
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
	     listen(fd, 1) == 0 &&
	     getsockname(fd, (struct sockaddr *)&a, &n) == 0;
	if (ok)
		*port = ntohs(a.sin_port);
	io_close(&fd);
	return ok;
}

static void
choose_ports(struct demo *d)
{
	int s;

	for (s = 0; s < CONF_SERVICES; s++) {
		d->port[s] = ports[s];
		if (ports[s] == 0) /* not in the demo */
			continue;
		if (port_is_free(&d->port[s]))
			continue;
		d->port[s] = 0;
		must(port_is_free(&d->port[s]));
	}
}

static void
write_config(const struct demo *d, struct buf *out)
{
	int s;

	buf_adds(out, "# Configuration of the demo; see "
		      "hearthmail.yaml(5).\nhostname: mail." DOMAIN "\n"
		      "domains: [" DOMAIN "]\n"
		      "accounts:\n"
		      "  anna: { addresses: [anna@" DOMAIN "] }\n"
		      "  ben:  { addresses: [ben@" DOMAIN "] }\n"
		      "aliases:\n"
		      "  family@" DOMAIN ": [anna, ben]\n"
		      "admins: [anna]\n");
	buf_addf(out,
	    "dns: { check: off }  # nobody else knows the demo's names\n"
	    "data: %s/data\n",
	    d->dir);
	if (d->relay != NULL) {
		struct sv relay = sv_str(d->relay);
		size_t colon = sv_rchr(relay, ':');

		buf_addf(out, "relay: { host: \"%.*s\", port: %s, tls: off }\n",
		    SV_ARG(sv_first(relay, colon)), relay.p + colon + 1);
	} else {
		buf_adds(out,
		    "relay: off  # the demo sends no mail to other domains\n");
	}
	buf_adds(out, "listen:\n");
	for (s = 0; s < CONF_SERVICES; s++)
		if (d->port[s] != 0)
			buf_addf(out, "  %s: [\"" HOST ":%u\"]\n",
			    conf_service_name((enum conf_service)s),
			    d->port[s]);
}

static void
make_password(char out[PASSWORD_N + 1])
{
	static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
	size_t i;

	for (i = 0; i < PASSWORD_N; i++)
		out[i] = letters[randombytes_uniform(32)];
	out[PASSWORD_N] = '\0';
}

static int
first_start(struct demo *d, struct err *err)
{
	struct buf text;
	int r;

	choose_ports(d);
	make_password(d->password[0]);
	make_password(d->password[1]);
	buf_init(&text, 65536);
	buf_addf(&text, "PASS1=%s\nPASS2=%s\n", d->password[0], d->password[1]);
	r = io_replace_file(d->secrets, buf_sv(&text), 0600, err);
	buf_wipe(&text);
	if (r == RC_OK) {
		write_config(d, &text);
		r = io_replace_file(d->config, buf_sv(&text), 0644, err);
	}
	buf_fini(&text);
	d->first = true;
	return r;
}

/* NAME=value, as written by ourselves. */
static void
env_value(struct sv env, const char *name, char *out, size_t n)
{
	while (env.n > 0) {
		struct sv line = sv_split(&env, '\n');
		struct sv key = sv_split(&line, '=');

		if (sv_eq(key, sv_str(name)) && line.n < n) {
			memcpy(out, line.p, line.n);
			out[line.n] = '\0';
		}
	}
}

static int
later_start(struct demo *d, const struct conf *conf, struct err *err)
{
	struct buf env;
	int s, r;

	buf_init(&env, 65536);
	r = io_read_file(d->secrets, &env, err);
	if (r == RC_OK) {
		env_value(buf_sv(&env), "PASS1", d->password[0],
		    sizeof d->password[0]);
		env_value(buf_sv(&env), "PASS2", d->password[1],
		    sizeof d->password[1]);
	}
	buf_wipe(&env);
	for (s = 0; s < CONF_SERVICES; s++)
		if (conf->nlisten[s] > 0)
			d->port[s] = conf->listen[s][0].port;
	/* It says that the server answers: not yet. */
	(void)unlink(d->env);
	return r;
}

/* The screen is for people: the log goes to a file, and what went wrong is
 * shown from there. */
static void
log_to_file(const struct demo *d)
{
	int fd = open(d->log,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0)
		(void)dup2(fd, 2);
	io_close(&fd);
}

static void
show_errors(const struct demo *d)
{
	struct buf log;
	struct sv rest;
	struct err err;

	buf_init(&log, 1 << 20);
	if (io_read_file(d->log, &log, &err) == RC_OK) {
		rest = buf_sv(&log);
		while (rest.n > 0) {
			struct sv line = sv_split(&rest, '\n');

			if (sv_find(line, SV("Z error ")) < line.n ||
			    sv_find(line, SV("Z ")) == line.n)
				fprintf(stderr, "  %.*s\n", SV_ARG(line));
		}
	}
	buf_fini(&log);
	fprintf(stderr,
	    "hearthmail try: the server did not start; the full log is in %s\n",
	    d->log);
}

static int
set_passwords(struct demo *d, const struct conf *conf)
{
	struct err err;
	int i, status;
	pid_t pid;

	for (i = 0; i < 2; i++) {
		/* In a process of its own, because that becomes the auth
		 * user. */
		pid = fork();
		if (pid == 0) {
			log_to_file(d);
			if (command_passwd_offline(conf, sv_str(users[i]),
				sv_str(d->password[i]), false, &err) == RC_OK)
				_exit(0);
			fprintf(stderr, "%s\n", err.text);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
			return RC_IO;
	}
	return RC_OK;
}

/* ---- the guest ---- */

static int
dial(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {10, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)setsockopt(
	    fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0)
		io_close(&fd);
	return fd;
}

/* True when the port has greeted, or answered where the client speaks first,
 * under TLS if that is its way. */
static bool
answers(uint16_t port, enum conf_service service, SSL_CTX *ctx)
{
	static const char ask[] = "HEAD / HTTP/1.0\r\n\r\n";
	bool tls = conf_service_tls(service);
	bool web = service == CONF_HTTP || service == CONF_HTTPS;
	char greeting[256];
	int fd = dial(port);
	bool ok = false;

	if (fd >= 0 && !tls) {
		ok = (!web || write(fd, ask, sizeof ask - 1) > 0) &&
		     read(fd, greeting, sizeof greeting) > 0;
	} else if (fd >= 0) {
		SSL *ssl = SSL_new(ctx);

		ok = ssl != NULL && SSL_set_fd(ssl, fd) == 1 &&
		     SSL_connect(ssl) == 1 &&
		     (!web || SSL_write(ssl, ask, sizeof ask - 1) > 0) &&
		     SSL_read(ssl, greeting, sizeof greeting) > 0;
		SSL_free(ssl);
	}
	io_close(&fd);
	return ok;
}

static bool
wait_for_ports(const struct demo *d, pid_t server)
{
	const struct timespec pause = {0, 2 * 1000 * 1000};
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	int64_t until = clk_mono() + ANSWER_MS;
	int s;

	for (s = 0; s < CONF_SERVICES; s++)
		while (d->port[s] != 0 &&
		       !answers(d->port[s], (enum conf_service)s, ctx)) {
			if (clk_mono() > until || getppid() != server) {
				SSL_CTX_free(ctx);
				return false;
			}
			(void)nanosleep(&pause, NULL);
		}
	SSL_CTX_free(ctx);
	return true;
}

/* One step of a plain SMTP dialogue: the text, then a reply that begins with
 * that digit. */
static bool
say(FILE *f, const char *text, char want)
{
	char line[1024];

	if (text != NULL && (fputs(text, f) < 0 || fflush(f) != 0))
		return false;
	do
		if (fgets(line, sizeof line, f) == NULL)
			return false;
	while (strlen(line) > 3 && line[3] == '-');
	return line[0] == want;
}

static const char welcome[] =
    "From: Hearthmail <postmaster@" DOMAIN ">\r\n"
    "To: %s@" DOMAIN "\r\n"
    "Subject: Welcome home\r\n"
    "Date: Thu, 01 Jan 2026 12:00:00 +0000\r\n"
    "Message-ID: <welcome-%s@" DOMAIN
    ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; "
    "charset=utf-8\r\n\r\nHello %s,\r\n\r\nthis is your own mail server. This "
    "message came in over SMTP, was written\r\nto disk before the sender got "
    "\"250\", and is shown to you over IMAP or\r\nPOP3 by a process that can "
    "see your mail and nothing else.\r\n\r\nWrite a message to %s@" DOMAIN
    " and see it arrive.\r\n"
    ".\r\n";

static bool
send_welcome(const struct demo *d, int who)
{
	char text[2048], rcpt[64];
	int fd = dial(d->port[CONF_SMTP]);
	FILE *f = fd >= 0 ? fdopen(fd, "r+") : NULL;
	bool ok;

	if (f == NULL)
		return false;
	(void)setvbuf(f, NULL, _IOLBF, 0);
	(void)snprintf(
	    rcpt, sizeof rcpt, "RCPT TO:<%s@" DOMAIN ">\r\n", users[who]);
	(void)snprintf(text, sizeof text, welcome, users[who], users[who],
	    users[who], users[1 - who]);
	ok = say(f, NULL, '2') && say(f, "EHLO localhost\r\n", '2') &&
	     say(f, "MAIL FROM:<postmaster@" DOMAIN ">\r\n", '2') &&
	     say(f, rcpt, '2') && say(f, "DATA\r\n", '3') &&
	     say(f, text, '2') && say(f, "QUIT\r\n", '2');
	(void)fclose(f);
	return ok;
}

static int
copy_certificate(const struct demo *d, const struct conf *conf, struct err *err)
{
	struct buf pem, cert, key;
	int r;

	buf_init(&pem, 1 << 20);
	buf_init(&cert, 4096);
	buf_init(&key, 4096);
	certificate_paths(conf, &cert, &key);
	r = io_read_file(cert.p, &pem, err);
	if (r == RC_OK)
		r = io_replace_file(d->cert, buf_sv(&pem), 0644, err);
	buf_fini(&key);
	buf_fini(&cert);
	buf_fini(&pem);
	return r;
}

static int
write_env(const struct demo *d, struct err *err)
{
	static const char *const names[CONF_SERVICES] = {"SMTP", "SUBMISSION",
	    "SUBMISSIONS", "IMAP", "IMAPS", "POP3", "POP3S", "SIEVE", "HTTP",
	    "HTTPS"};
	struct buf b;
	int s, r;

	buf_init(&b, 65536);
	buf_adds(&b, "HOST=" HOST "\n");
	for (s = 0; s < CONF_SERVICES; s++)
		if (d->port[s] != 0) /* an older folder has not all of them */
			buf_addf(&b, "%s_PORT=%u\n", names[s], d->port[s]);
	buf_addf(&b, "USER1=%s\nPASS1=%s\nUSER2=%s\nPASS2=%s\n", users[0],
	    d->password[0], users[1], d->password[1]);
	buf_addf(&b, "CERT=%s\nCONFIG=%s\n", d->cert, d->config);
	r = io_replace_file(d->env, buf_sv(&b), 0600, err);
	buf_wipe(&b);
	return r;
}

static void
print_screen(const struct demo *d, const struct conf *conf)
{
	struct super_user user[ROLE_COUNT];
	const char *how;
	bool change;

	printf("\n  Hearthmail is ready (%lld ms). Mail and settings are in "
	       "%s\n\n",
	    (long long)(clk_mono() - d->began), d->dir);
	printf("  account   address          password\n");
	printf("  anna      anna@" DOMAIN "   %s\n", d->password[0]);
	printf("  ben       ben@" DOMAIN "    %s\n\n", d->password[1]);
	printf("  In a mail client:  server " HOST
	       ", accept the self-signed certificate\n"
	       "    IMAP %u (TLS) or %u    POP3 %u (TLS) or %u    "
	       "sending %u (TLS) or %u\n\n",
	    d->port[CONF_IMAPS], d->port[CONF_IMAP], d->port[CONF_POP3S],
	    d->port[CONF_POP3], d->port[CONF_SUBMISSIONS],
	    d->port[CONF_SUBMISSION]);
	if (d->port[CONF_HTTPS] != 0)
		printf("  In a browser:  https://" HOST ":%u/\n\n",
		    d->port[CONF_HTTPS]);
	printf("  Send as ben to anna:\n"
	       "    printf 'From: ben@" DOMAIN "\\nTo: anna@" DOMAIN
	       "\\nSubject: Hello\\n\\nHello anna!\\n' | curl -sS --cacert %s "
	       "--crlf -u ben:%s --mail-from ben@" DOMAIN
	       " --mail-rcpt anna@" DOMAIN " -T - smtps://" HOST ":%u\n\n",
	    d->cert, d->password[1], d->port[CONF_SUBMISSIONS]);
	printf("  Read anna's newest message:\n"
	       "    curl -sS --cacert %s -u anna:%s 'imaps://" HOST
	       ":%u/INBOX;MAILINDEX=*'\n\n",
	    d->cert, d->password[0], d->port[CONF_IMAPS]);
	printf("  Look at it yourself (then type: a LOGIN anna %s):\n"
	       "    openssl s_client -quiet -crlf -CAfile %s -connect " HOST
	       ":%u\n\n",
	    d->password[0], d->cert, d->port[CONF_IMAPS]);
	users_find(user, &change, &how);
	printf("  The log is in %s.\n  Here %s.\n"
	       "  Mail to other domains ",
	    d->log, how);
	if (conf->outside && conf->nrelay > 0)
		printf(
		    "goes to %s:%u.", conf->relay[0].host, conf->relay[0].port);
	else
		printf("is %s.",
		    conf->outside
			? "sent to their mail hosts"
			: "refused (--relay HOST:PORT with a new --dir sends "
			  "it there)");
	printf("  Ctrl-C stops.\n\n");
	fflush(stdout);
}

static int
guest(struct demo *d, const struct conf *conf, pid_t server)
{
	struct err err;

	if (!wait_for_ports(d, server)) {
		show_errors(d);
		return EXIT_FAILED;
	}
	if (d->first && (!send_welcome(d, 0) || !send_welcome(d, 1)))
		fprintf(stderr,
		    "hearthmail try: the welcome mail was not accepted; see "
		    "%s\n",
		    d->log);
	if (copy_certificate(d, conf, &err) != RC_OK ||
	    write_env(d, &err) != RC_OK) {
		fprintf(stderr, "hearthmail try: %s\n", err.text);
		return EXIT_FAILED;
	}
	print_screen(d, conf);
	return EXIT_FINE;
}

/* ---- the command ---- */

static const char *
read_relay(void *arg, const char *value)
{
	struct demo *d = arg;

	d->relay = value;
	return strchr(value, ':') != NULL ? NULL : "expected HOST:PORT";
}

static int
parse_args(struct demo *d, int argc, char **argv)
{
	char here[300];
	const char *dir = NULL;
	const struct command_option options[] = {
	    {"--dir", "a folder", .text = &dir},
	    {"--relay", "HOST:PORT", .read = read_relay, .arg = d}};
	const struct command_words words = {.command = "try",
	    .option = options,
	    .noption = sizeof options / sizeof options[0]};

	if (command_words(&words, argc, argv, NULL) != EXIT_FINE)
		return EXIT_USAGE;
	if (dir == NULL)
		(void)snprintf(
		    d->dir, sizeof d->dir, "/tmp/hearthmail-try-%u", geteuid());
	else if (dir[0] == '/')
		(void)snprintf(d->dir, sizeof d->dir, "%s", dir);
	else if (getcwd(here, sizeof here) != NULL && strlen(dir) < 100)
		(void)snprintf(d->dir, sizeof d->dir, "%s/%s", here, dir);
	if (d->dir[0] == '\0' || strlen(d->dir) >= sizeof d->dir - 1)
		return command_misused("try", "--dir: the path is too long");
	(void)snprintf(
	    d->config, sizeof d->config, "%s/hearthmail.yaml", d->dir);
	(void)snprintf(d->env, sizeof d->env, "%s/try.env", d->dir);
	(void)snprintf(d->secrets, sizeof d->secrets, "%s/passwords", d->dir);
	(void)snprintf(d->log, sizeof d->log, "%s/log", d->dir);
	(void)snprintf(d->cert, sizeof d->cert, "%s/cert.pem", d->dir);
	return EXIT_FINE;
}

static int
make_dir(const struct demo *d)
{
	struct stat st;

	if (mkdir(d->dir, 0711) != 0 && errno != EEXIST)
		return command_fail("try", EXIT_FAILED, "cannot make %s: %s",
		    d->dir, strerror(errno));
	/* /tmp is everybody's: the folder must be ours and no link. */
	if (lstat(d->dir, &st) != 0 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != geteuid())
		return command_fail("try", EXIT_FAILED,
		    "%s is not a folder of this user", d->dir);
	return EXIT_FINE;
}

static int
running(const struct demo *d)
{
	return command_fail("try", EXIT_FAILED,
	    "a server is already running in %s; stop it with Ctrl-C, or use "
	    "another --dir",
	    d->dir);
}

/* Held until this process ends; before anything in the folder is touched. */
static int
lock_dir(const struct demo *d, int *lock_out)
{
	int fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return command_fail("try", EXIT_FAILED, "cannot open %s: %s",
		    d->dir, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		io_close(&fd);
		return running(d);
	}
	*lock_out = fd;
	return EXIT_FINE;
}

/* Somebody may have said `run` with the demo's configuration. */
static bool
is_served(const struct conf *conf)
{
	struct buf path;
	bool served;
	int fd;

	buf_init(&path, 4096);
	buf_addf(&path, "%s/run/hearthmail.pid", conf->data);
	fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	served = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
	io_close(&fd);
	buf_fini(&path);
	return served;
}

/* What is in the folder of an earlier start counts. */
static int
prepare_later(struct demo *d, const struct conf *conf)
{
	struct err err = {.text = ""};

	if (d->relay != NULL)
		return command_misused("try",
		    "--relay is for a new folder only; change `relay` in %s",
		    d->config);
	if (is_served(conf))
		return running(d);
	if (later_start(d, conf, &err) != RC_OK)
		return command_fail("try", EXIT_FAILED,
		    "%s (remove %s to start again)", err.text, d->dir);
	return EXIT_FINE;
}

static int
prepare(struct demo *d, struct conf **conf_out)
{
	struct err err = {.text = ""};

	if (access(d->config, F_OK) != 0 && first_start(d, &err) != RC_OK)
		return command_fail("try", EXIT_FAILED, "%s", err.text);
	*conf_out = command_conf(d->config);
	if (*conf_out == NULL)
		return EXIT_CONFIG;
	if (!d->first)
		return prepare_later(d, *conf_out);
	if (set_passwords(d, *conf_out) != RC_OK)
		return command_fail(
		    "try", EXIT_FAILED, "the passwords cannot be set");
	return EXIT_FINE;
}

int
cmd_try(const char *config, int argc, char **argv)
{
	struct demo d = {.began = clk_mono()};
	struct supervisor_opts o = {.config = d.config};
	struct conf *conf = NULL;
	pid_t self = getpid(), pid;
	int lock = -1, r;

	(void)config;
	must(sodium_init() >= 0);
	r = parse_args(&d, argc, argv);
	if (r == EXIT_FINE)
		r = make_dir(&d);
	if (r == EXIT_FINE)
		r = lock_dir(&d, &lock);
	if (r == EXIT_FINE)
		r = prepare(&d, &conf);
	if (r == EXIT_FINE) {
		pid = fork();
		if (pid == 0) {
			io_close(&lock);
			_exit(guest(&d, conf, self));
		}
		conf_free(&conf);
		log_to_file(&d);
		r = supervisor_run(&o);
		(void)unlink(d.env); /* it says that the server answers */
	}
	conf_free(&conf);
	io_close(&lock);
	return r;
}
