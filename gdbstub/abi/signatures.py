"""What the arguments of each system call are.

Layer: abi.  Used by: abi.decoder.  Source: syscalls(2) and the manual page of each call; kernel/sys*.c.

A line is a call's name and its arguments; after ``->`` how its result is shown where that is not a plain number.

    KIND        a kind of ``abi.kinds`` and its like
    =TABLE      flags or a choice of ``abi.tables``, as a 32-bit number (``==`` as a long one)
    >...        written by the call: shown when it returns, as all that follows it
    ...@N       argument N, or ``ret`` for the result, tells a length

Calls whose arguments depend on one of them are in ``variants``.
"""

from __future__ import annotations

COMMON = """
accept fd >sockaddr_out@2 >*len -> fd
accept4 fd >sockaddr_out@2 >*len =socket_flags -> fd
access path =access
acct path
add_key str str buf@3 lu d
adjtimex >p
alarm u
bind fd sockaddr@2 d
bpf =bpf p u
brk p -> p
cachestat fd p >p x32
capget cap_header >cap_data
capset cap_header cap_data
chdir path
chmod path mode
chown path d d
chroot path
clock_adjtime =clock >p
clock_getres =clock >timespec
clock_gettime =clock >timespec
clock_nanosleep =clock =timer_abs timespec >left_timespec
clock_settime =clock timespec
clone3 clone_args@1 >+clone_outcome lu
close fd
close_range u u =close_range
connect fd sockaddr@2 d
copy_file_range fd *ld64 fd *ld64 lu x32
creat path mode -> fd
delete_module str =open
dup fd -> fd
dup2 fd fd -> fd
dup3 fd fd =fd_flags -> fd
epoll_create d -> fd
epoll_create1 =epoll_create -> fd
epoll_ctl fd =epoll_op fd epoll_event
epoll_pwait fd >epoll_events@ret d d sigset@5 lu
epoll_pwait2 fd >epoll_events@ret d timespec64 sigset@5 lu
epoll_wait fd >epoll_events@ret d d
eventfd u -> fd
eventfd2 u =eventfd -> fd
execve path argv envp
execveat dirfd path argv envp =at
exit d
exit_group d
faccessat dirfd path =access
faccessat2 dirfd path =access =faccessat
fadvise64 fd ld ld =fadvise
fallocate fd =fallocate ld ld
fanotify_init x32 =open -> fd
fanotify_mark fd x32 x dirfd path
fchdir fd
fchmod fd mode
fchmodat dirfd path mode
fchmodat2 dirfd path mode =at
fchown fd d d
fchownat dirfd path d d =at
fdatasync fd
fgetxattr fd str >buf@ret lu
finit_module fd str x32
flistxattr fd >names@ret lu
flock fd =flock
fork
fremovexattr fd str
fsconfig fd d str str d
fsetxattr fd str buf@3 lu =xattr
fsmount fd =fsmount x32 -> fd
fsopen str =fsopen -> fd
fspick dirfd path x32 -> fd
fstat fd >stat
fstatfs fd >statfs
fsync fd
ftruncate fd ld
futex_waitv p u x32 timespec64 =clock
futex_wait p x x x32 timespec64 =clock
futex_wake p x d x32
futex_requeue p x32 d d
futimesat dirfd path timevals
get_mempolicy >policy >nodes@2 lu p =mempolicy_get
get_robust_list d >*lx >*lu
get_thread_area >user_desc
getcpu >*u >*u p
getcwd >path lu
getdents fd >dirents u
getdents64 fd >dirents lu
getegid
geteuid
getgid
getgroups d >ids@ret
getitimer =itimer >itimerval
getpeername fd >sockaddr_out@2 >*len
getpgid d
getpgrp
getpid
getppid
getpriority =priority d
getrandom >random@ret lu =getrandom
getresgid >*u >*u >*u
getresuid >*u >*u >*u
getrlimit =rlimit >rlimit
getrusage =rusage_who >rusage
getsid d
getsockname fd >sockaddr_out@2 >*len
getsockopt fd =socket_level sockopt >optval_out@4 >*len
gettid
gettimeofday >timeval >timezone
getuid
getxattr path str >buf@ret lu
init_module p lu str
inotify_add_watch fd path =inotify
inotify_init -> fd
inotify_init1 =inotify_init -> fd
inotify_rm_watch fd d
io_destroy lu
io_getevents lu ld ld >p timespec
io_setup u >*lx
io_submit lu ld p
io_cancel lu p >p
io_uring_enter fd u u x32 sigset lu
io_uring_register fd u p u
io_uring_setup u >p -> fd
ioperm lu lu d
iopl d
ioprio_get =ioprio_who d
ioprio_set =ioprio_who d x32
kexec_load p lu p x
keyctl =keyctl lu lu lu lu
kill d signal
landlock_add_rule fd d p x32
landlock_create_ruleset p lu =landlock -> fd
landlock_restrict_self fd x32
lchown path d d
lgetxattr path str >buf@ret lu
link path path
linkat dirfd path dirfd path =at
listen fd d
listxattr path >names@ret lu
llistxattr path >names@ret lu
lremovexattr path str
lseek fd ld =whence
lsetxattr path str buf@3 lu =xattr
lstat path >stat
madvise p lu =madvise
mbind p lu =mempolicy p lu =mempolicy_move
memfd_create str =memfd -> fd
memfd_secret x32 -> fd
migrate_pages d lu p p
mincore p lu >p
mkdir path mode
mkdirat dirfd path mode
mknod path file_mode
mknodat dirfd path file_mode
mlock p lu
mlock2 p lu =mlock
mlockall =mlockall
mmap p lu =prot =map fd x -> p
modify_ldt d p lu
mount path path str ==mount p
mount_setattr dirfd path =at p lu
move_mount fd path fd path =move_mount
move_pages d lu p p p =mempolicy_move
mprotect p lu =prot
mq_getsetattr fd p >p
mq_notify fd sigevent
mq_open str =open mode p -> fd
mq_timedreceive fd >buf@ret lu >*u timespec
mq_timedsend fd buf@2 lu u timespec
mq_unlink str
mseal p lu x
msgget ipc_key ipc_flags
msgrcv d >message@2 lu ld =msg_queue
msgsnd d message@2 lu =msg_queue
msync p lu =msync
munlock p lu
munlockall
munmap p lu
name_to_handle_at dirfd path p >*d =at
nanosleep timespec >left_timespec
newfstatat dirfd path >stat =at
open_by_handle_at fd p =open -> fd
open_tree dirfd path =open_tree -> fd
openat2 dirfd path open_how@3 lu -> fd
pause
perf_event_open p d d fd x32 -> fd
personality persona -> =personality
pidfd_getfd fd fd x32 -> fd
pidfd_open d =pidfd_open -> fd
pidfd_send_signal fd signal siginfo x32
pipe >fds2
pipe2 >fds2 =fd_flags
pivot_root path path
pkey_alloc x =pkey_access
pkey_free d
pkey_mprotect p lu =prot d
poll pollfds@1 u d
ppoll pollfds@1 u timespec sigset@4 lu
pread64 fd >buf@ret lu ld
preadv fd >iov_in@2 lu ld
preadv2 fd >iov_in@2 lu ld +skip =rwf
prlimit64 d =rlimit rlimit64 >rlimit64
process_madvise fd iov@2 lu =madvise x32
process_mrelease fd x32
process_vm_readv d >iov_in@2 lu p lu x
process_vm_writev d iov@2 lu p lu x
pselect6 d fd_set fd_set fd_set timespec sigset_argument
ptrace =ptrace d p p
pwrite64 fd buf@2 lu ld
pwritev fd iov@2 lu ld
pwritev2 fd iov@2 lu ld +skip =rwf
quotactl x32 path d p
read fd >buf@ret lu
readahead fd ld lu
readlink path >buf@ret lu
readlinkat dirfd path >buf@ret lu
readv fd >iov_in@2 lu
reboot x32 x32 =reboot p
recvfrom fd >received lu =msg >sockaddr_out@5 >*len
recvmmsg fd >mmsghdr_in u =msg timespec
recvmsg fd >msghdr_in =msg
remap_file_pages p lu =prot lu =map
removexattr path str
rename path path
renameat dirfd path dirfd path
renameat2 dirfd path dirfd path =rename
request_key str str str d
restart_syscall
rmdir path
rseq p x32 =rseq x32
rt_sigaction signal sigaction >sigaction lu
rt_sigreturn frame
rt_sigpending >sigset@1 lu
rt_sigprocmask =sig_how sigset@3 >sigset@3 lu
rt_sigqueueinfo d signal siginfo
rt_sigsuspend sigset@1 lu
rt_sigtimedwait sigset@3 >siginfo timespec lu -> signal
rt_tgsigqueueinfo d d signal siginfo
sched_get_priority_max =scheduler
sched_get_priority_min =scheduler
sched_getaffinity d lu >cpus@ret
sched_getattr d >sched_attr u x32
sched_getparam d >sched_param
sched_getscheduler d -> =scheduler
sched_rr_get_interval d >timespec
sched_setaffinity d lu cpus@1
sched_setattr d sched_attr x32
sched_setparam d sched_param
sched_setscheduler d =scheduler sched_param
sched_yield
seccomp =seccomp =seccomp_flags p
select d fd_set fd_set fd_set timeval
semget ipc_key d ipc_flags
semop d sembufs@2 lu
semtimedop d sembufs@2 u timespec
sendfile fd fd *ld lu
sendmmsg fd >mmsghdr u =msg
sendmsg fd msghdr =msg
sendto fd buf@2 lu =msg sockaddr@5 u
set_mempolicy =mempolicy nodes@2 lu
set_mempolicy_home_node p lu lu x
set_robust_list p lu
set_thread_area user_desc
set_tid_address p
setdomainname buf@1 d
setfsgid d
setfsuid d
setgid d
setgroups d ids@0
sethostname buf@1 d
setitimer =itimer itimerval >itimerval
setns fd =namespaces
setpgid d d
setpriority =priority d d
setregid d d
setresgid d d d
setresuid d d d
setreuid d d
setrlimit =rlimit rlimit
setsid
setsockopt fd =socket_level sockopt optval@4 d
settimeofday timeval timezone
setuid d
setxattr path str buf@3 lu =xattr
shmat d p =shmat -> p
shmdt p
shmget ipc_key lu shm_flags
shutdown fd =shutdown
sigaltstack stack >stack
signalfd fd sigset@2 lu -> fd
signalfd4 fd sigset@2 lu =signalfd -> fd
socket =address_family =socket_type protocol -> fd
socketpair =address_family =socket_type protocol >fds2
splice fd *ld64 fd *ld64 lu =splice
stat path >stat
statfs path >statfs
statx dirfd path =statx_at =statx_mask >statx
swapoff path
swapon path x32
symlink path path
symlinkat path dirfd path
sync
sync_file_range fd ld ld =sync_range
syncfs fd
sysfs d lu lu
sysinfo >sysinfo
syslog =syslog >buf@ret d
tee fd fd lu =splice
tgkill d d signal
time >*ld -> time
timer_create =clock sigevent >timer_id
timer_delete d
timer_getoverrun d
timer_gettime d >itimerspec
timer_settime d =timer_abs itimerspec >itimerspec
timerfd_create =clock =timerfd_create -> fd
timerfd_gettime fd >itimerspec
timerfd_settime fd =timerfd itimerspec >itimerspec
times >tms
tkill d signal
truncate path ld
umask mode -> mode
umount2 path =umount
uname >utsname
unlink path
unlinkat dirfd path =at
unshare =namespaces
userfaultfd =userfaultfd -> fd
ustat dev >p
utime path utimbuf
utimensat dirfd path file_times =at
utimes path timevals
vfork
vhangup
vmsplice fd iov@2 lu =splice
wait4 d >wait_status =wait >rusage@ret
waitid =wait_id d >siginfo =waitid >rusage
write fd buf@2 lu
writev fd iov@2 lu
file_getattr dirfd path >p lu =at
file_setattr dirfd path p lu =at
getxattrat dirfd path =at str p lu
io_pgetevents lu ld ld >p timespec sigset_argument
kexec_file_load fd fd lu str x
listmount p >p lu x32
listxattrat dirfd path =at >names@ret lu
lsm_get_self_attr u >p >*u x32
lsm_list_modules >p >*u x32
lsm_set_self_attr u p u x32
map_shadow_stack p lu x32 -> p
open_tree_attr dirfd path =open_tree p lu -> fd
quotactl_fd fd x32 d p
removexattrat dirfd path =at str
setxattrat dirfd path =at str p lu
statmount p >p lu x32
"""

#: Calls of the 32-bit interface that differ, or that only it has.
I386 = """
_llseek fd x32 x32 >*ld64 =whence
_newselect d fd_set fd_set fd_set timeval
chown32 path d d
clock_adjtime64 =clock >p
clock_getres_time64 =clock >timespec64
clock_gettime64 =clock >timespec64
clock_nanosleep_time64 =clock =timer_abs timespec64 >left_timespec64
clock_settime64 =clock timespec64
fadvise64_64 fd low@2
fchown32 fd d d
fstat fd >p
fstat64 fd >stat64
fstatat64 dirfd path >stat64 =at
fstatfs64 fd lu >statfs64
ftruncate64 fd low@2
getegid32
geteuid32
getgid32
getgroups d >ids16@ret
getgroups32 d >ids@ret
getresgid32 >*u >*u >*u
getresuid32 >*u >*u >*u
getuid32
ipc u lu lu lu p lu
lchown32 path d d
lstat path >p
lstat64 path >stat64
mmap2 p lu =prot =map fd pages -> p
nice d
oldfstat fd >p
oldlstat path >p
oldstat path >p
olduname >p
ppoll_time64 pollfds@1 u timespec64 sigset@4 lu
pread64 fd >buf@ret lu low@4
pselect6_time64 d fd_set fd_set fd_set timespec64 sigset_argument
pwrite64 fd buf@2 lu low@4
rt_sigtimedwait_time64 sigset@3 >siginfo timespec64 lu -> signal
sched_rr_get_interval_time64 d >timespec64
sendfile64 fd fd *ld64 lu
setfsgid32 d
setfsuid32 d
setgid32 d
setgroups32 d ids@0
setregid32 d d
setresgid32 d d d
setresuid32 d d d
setreuid32 d d
setuid32 d
sigaction signal old_sigaction >old_sigaction
signal signal p -> p
sigpending >*x
sigprocmask =sig_how *x >*x
sigreturn
sigsuspend x32 x32 x32
stat path >p
stat64 path >stat64
statfs64 path lu >statfs64
socketcall =socketcall p
stime *ld
timer_gettime64 d >itimerspec64
timer_settime64 d =timer_abs itimerspec64 >itimerspec64
timerfd_gettime64 fd >itimerspec64
timerfd_settime64 fd =timerfd itimerspec64 >itimerspec64
io_pgetevents_time64 lu ld ld >p timespec64 sigset_argument
mq_timedreceive_time64 fd >buf@ret lu >*u timespec64
mq_timedsend_time64 fd buf@2 lu u timespec64
recvmmsg_time64 fd >mmsghdr_in u =msg timespec64
semtimedop_time64 d sembufs@2 u timespec64
truncate64 path low@2
ugetrlimit =rlimit >rlimit
umount path
utimensat_time64 dirfd path file_times64 =at
waitpid d >wait_status =wait
"""
