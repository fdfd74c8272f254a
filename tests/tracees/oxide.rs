// Three named threads call pick() on a shared vector; then a panic that is caught.  Says the sum and that it was caught.
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

static LAST: AtomicU32 = AtomicU32::new(0);

#[inline(never)]
fn pick(place: usize, values: &Vec<u32>) -> Option<u32> {
    let found = values.get(place).copied();
    settled(&found);
    found
}

#[inline(never)]
fn settled(found: &Option<u32>) {
    LAST.store(found.unwrap_or(0), Ordering::Relaxed);
}

fn main() {
    let mut sum = 0;
    for place in 0..3usize {
        let values = vec![10, 20, 30];
        let worker = thread::Builder::new().name(format!("oxide-{}", place));
        sum += worker.spawn(move || pick(place, &values)).unwrap().join().unwrap().unwrap();
    }
    let caught = std::panic::catch_unwind(|| panic!("meant to happen")).is_err();
    println!("sum {} caught {}", sum, caught);
}
