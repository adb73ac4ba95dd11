/* Waits until it is told to end; as process 1 of a pod it also buries what others leave behind. */
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  sigset_t awaited;
  int signum;

  sigemptyset(&awaited);
  sigaddset(&awaited, SIGINT);
  sigaddset(&awaited, SIGTERM);
  sigaddset(&awaited, SIGCHLD);
  /* Blocked first, then taken one by one: a signal that comes in between is not lost. */
  sigprocmask(SIG_BLOCK, &awaited, NULL);
  for (;;) {
    if (sigwait(&awaited, &signum) != 0)
      return 1;
    if (signum != SIGCHLD)
      return 0;
    while (waitpid(-1, NULL, WNOHANG) > 0)
      ;
  }
}
