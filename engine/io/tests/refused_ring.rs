//! What happens where a container forbids io_uring.

use std::io::ErrorKind;
use std::mem::offset_of;

use ringfence_io::*;

/// Makes `io_uring_setup` fail with EPERM on this thread, as container runtimes do.
#[allow(unsafe_code, reason = "no safe wrapper installs a system-call filter")]
fn forbid_io_uring() {
    rustix::thread::set_no_new_privs(true).unwrap();
    let number = offset_of!(libc::seccomp_data, nr) as u32;
    let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    let equal = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let give = (libc::BPF_RET | libc::BPF_K) as u16;
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut filter = [
        instruction(load, 0, 0, number),
        instruction(equal, 0, 1, libc::SYS_io_uring_setup as u32),
        instruction(give, 0, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        instruction(give, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: `program` points to a filter of that length, and the kernel copies both.
    let refused = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
    assert_eq!(refused, 0, "{}", std::io::Error::last_os_error());
}

#[test]
fn where_io_uring_is_forbidden_epoll_does_the_work_and_says_why() {
    let confined = std::thread::spawn(|| {
        forbid_io_uring();
        assert!(probe_io_uring(256).unwrap_err().contains("seccomp"));

        let options = RunOptions {
            driver: DriverChoice::Auto,
            ..RunOptions::default()
        };
        let report = run(&options, async { driver_report().unwrap() }).unwrap();
        assert_eq!(report.kind, DriverKind::Epoll);
        assert!(report.note.unwrap().contains("seccomp"));

        let options = RunOptions {
            driver: DriverChoice::IoUring,
            ..options
        };
        let error = run(&options, async {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("seccomp"), "{error}");
    });
    confined.join().unwrap();
}
