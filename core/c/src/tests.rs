//! The functions as C calls them, on storage that is C's: for Miri, which sees what no sanitizer of
//! a C compiler sees in here. What they promise is checked in `tests/contract.c`.

use core::mem::MaybeUninit;
use core::ptr;

use super::*;

/// `echo_session` of the header; a few bytes more, so that it can be out of place.
type Storage = [MaybeUninit<u64>; BUFFER.div_ceil(8) + 168 / 8 + 1];

const SIZE: usize = size_of::<Storage>() - 8;

fn open(storage: &mut Storage) -> *mut Session {
    let session = storage.as_mut_ptr().cast::<Session>();
    let rules = EchoRules { idle: 1000, one_shot: 0, rfc862: 0 };
    assert!(echo_open_sized(session, SIZE, ABI, 5, Some(&rules)));
    session
}

fn to_send(session: *mut Session) -> (*const u8, usize) {
    let mut bytes = MaybeUninit::uninit();
    // SAFETY: it is open, and nobody else has it.
    let count = echo_to_send(unsafe { &*session }, &mut bytes);
    // SAFETY: it was written.
    (unsafe { bytes.assume_init() }, count)
}

#[test]
fn storage_that_does_not_fit_is_not_touched() {
    let mut storage: Storage = [const { MaybeUninit::uninit() }; _];
    let session = storage.as_mut_ptr().cast::<Session>();
    assert!(!echo_open_sized(session, size_of::<Session>() - 1, ABI, 0, None));
    assert!(!echo_open_sized(session, SIZE, ABI + 1, 0, None));
    assert!(!echo_open_sized(session.wrapping_byte_add(1), SIZE, ABI, 0, None));
    assert!(!echo_open_sized(ptr::null_mut(), SIZE, ABI, 0, None));
}

/// What it says is to be sent stays where it is until an event, whatever is asked in between.
#[test]
fn bytes_go_through_storage_that_is_used_twice() {
    let mut storage: Storage = [const { MaybeUninit::uninit() }; _];
    for _ in 0..2 {
        let session = open(&mut storage);
        let message = [7; 2 * BUFFER];
        // SAFETY: it is open, nobody else has it, and there are so many bytes.
        unsafe {
            let count = echo_received(&mut *session, 6, message.as_ptr(), message.len());
            assert_eq!(count, BUFFER);
            let (bytes, count) = to_send(session);
            assert_eq!((count, echo_room(&*session), echo_deadline(&*session)), (BUFFER, 0, 1006));
            assert_eq!(slice::from_raw_parts(bytes, count), &message[..count]);
            echo_sent(&mut *session, 7, count - 1);
            let (last, count) = to_send(session);
            assert_eq!((count, *last), (1, 7));
            echo_delivered(&mut *session, 8);
            assert_eq!(echo_received(&mut *session, 9, ptr::null(), 0), 0);
            echo_eof(&mut *session, 9);
            echo_sent(&mut *session, 9, usize::MAX);
            echo_quiet(&mut *session, 9);
            echo_timeout(&mut *session, 9);
            assert!(echo_finished(&*session));
            assert_eq!((echo_end(&*session), echo_echoed(&*session)), (1, BUFFER as u64));
        }
    }
}
