/*
 * Killed at each single step at which it changes its folder: what is there is
 * whole each time, and the next run goes on.  The linker gives us the calls
 * (see meson.build).
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acme/certificate.h"
#include "acme/state.h"
#include "test/unit/acme/world.h"
#include "test/unit/unit.h"

#define KILLED 9

static unsigned steps_left; /* until it is killed; 0: it is not */

static void
step(void)
{
	if (steps_left > 0 && --steps_left == 0)
		_exit(KILLED);
}

int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_fsync(int fd);

int
__wrap_rename(const char *from, const char *to)
{
	step();
	return __real_rename(from, to);
}

int
__wrap_unlink(const char *path)
{
	step();
	return __real_unlink(path);
}

int
__wrap_fsync(int fd)
{
	step();
	return __real_fsync(fd);
}

static const char *const domain[] = {"a.test"};

/* False: it came to its end. */
static bool
run_and_kill(struct world *w, unsigned at)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		steps_left = at;
		world_run_as(w, domain, 1, NULL);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == KILLED);
	return WEXITSTATUS(status) == KILLED;
}

/* All that has its name is what it should be. */
static void
check_folder(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	struct buf text;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d)) != NULL) {
		struct sv n = sv_str(e->d_name);
		struct acme_certificate c;
		struct acme_key *k = NULL;
		struct acme_state s;
		struct err err;

		ck_assert_msg(!sv_ends(n, SV(".bad")), "%s", e->d_name);
		if (n.p[0] == '.' || sv_ends(n, SV(".tmp")))
			continue;
		world_read_all(e->d_name, &text);
		if (sv_eq(n, SV("state.json"))) {
			ck_assert_int_eq(
			    acme_state_read(buf_sv(&text), &s, &err), RC_OK);
			acme_state_fini(&s);
		} else if (sv_ends(n, SV(".pem"))) {
			ck_assert_int_eq(
			    acme_key_read(buf_sv(&text), &k, &err), RC_OK);
			if (!sv_ends(n, SV(".next.pem")) &&
			    !sv_eq(n, SV("account.pem"))) {
				ck_assert_int_eq(acme_certificate_read(
						     buf_sv(&text), &c, &err),
				    RC_OK);
				ck_assert(
				    acme_certificate_is_of(buf_sv(&text), k));
			}
			acme_key_free(&k);
		}
		buf_fini(&text);
	}
	(void)closedir(d);
}

static void
empty_folder(void)
{
	DIR *d = opendir(".");
	struct dirent *e;

	while ((e = readdir(d)) != NULL)
		(void)__real_unlink(e->d_name);
	(void)closedir(d);
}

/* Behind the accident: within two hours all is there. */
static void
goes_on(struct world *w)
{
	struct acme_certificate c;
	struct buf text;
	struct err err;
	int i;

	for (i = 0; i < 3; i++, w->now += HOUR)
		world_run_as(w, domain, 1, NULL);
	check_folder();
	ck_assert(!world_says(w, "could not be used"));
	world_read_all("host.mail.a.test.pem", &text);
	ck_assert_int_eq(acme_certificate_read(buf_sv(&text), &c, &err), RC_OK);
	ck_assert_int_gt(c.not_after, w->now + 80 * DAY);
	buf_fini(&text);
	world_read_all("domain.a.test.pem", &text);
	ck_assert_int_eq(acme_certificate_read(buf_sv(&text), &c, &err), RC_OK);
	ck_assert_int_gt(c.not_after, w->now + 80 * DAY);
	buf_fini(&text);
}

START_TEST(kill__at_each_step_of_the_first)
{
	unsigned at = 0;
	struct world w;
	bool killed;

	world_start(&w);
	w.new_key = _i == 1;
	do {
		empty_folder();
		w.now = T0;
		killed = run_and_kill(&w, ++at);
		check_folder();
		if (killed)
			goes_on(&w);
		ck_assert_uint_lt(at, 200);
	} while (killed);
	ck_assert_uint_gt(at, 10);
	world_end(&w);
}
END_TEST

START_TEST(kill__at_each_step_of_a_renewal)
{
	unsigned at = 0, orders;
	struct world w;
	bool killed;

	world_start(&w);
	w.new_key = _i == 1;
	do {
		empty_folder();
		w.now = T0;
		world_run_as(&w, domain, 1, NULL);
		w.now = T0 + 64 * DAY;
		killed = run_and_kill(&w, ++at);
		check_folder();
		orders = w.orders;
		if (killed)
			goes_on(&w);
		/* What it had before it was killed it does not order again. */
		ck_assert_uint_le(w.orders - orders, 2);
		ck_assert_uint_lt(at, 200);
	} while (killed);
	ck_assert_uint_gt(at, 10);
	world_end(&w);
}
END_TEST

UNIT_TESTS(kill)
{
	TCase *t = tcase_create("kill");

	tcase_add_loop_test(t, kill__at_each_step_of_the_first, 0, 2);
	tcase_add_loop_test(t, kill__at_each_step_of_a_renewal, 0, 2);
	return t;
}
