//! Device memory: what is written is read back, counted, refused where it must be, and freed.

mod driver;

use std::time::Duration;

use cudarc::driver::sys::{CUcontext, CUresult, cuCtxGetCurrent};
use driver::{cuda_or_skip, driver_or_skip};
use prelu_mem_core::contract::Host;
use prelu_mem_core::{Backend, Error, Result};
use prelu_mem_cuda::{Buffer, Cuda, CudaError};

/// A buffer with these values.
fn uploaded(cuda: &Cuda, values: &[f32]) -> Result<Buffer<f32>> {
    let mut buffer = cuda.reserve(values.len())?;
    cuda.upload(values, Cuda::view_mut(&mut buffer, values.len()))?;
    Ok(buffer)
}

fn downloaded(cuda: &Cuda, buffer: &Buffer<f32>) -> Result<Vec<f32>> {
    cuda.download(Cuda::view(buffer, buffer.len()))
}

#[test]
fn a_new_buffer_is_zero_even_where_the_memory_was_used() -> Result<()> {
    let Some(cuda) = cuda_or_skip("a_new_buffer_is_zero_even_where_the_memory_was_used") else {
        return Ok(());
    };
    for _ in 0..3 {
        let fresh = cuda.alloc::<f32>(1000)?;
        assert!(downloaded(&cuda, &fresh)?.iter().all(|value| value.to_bits() == 0));
        drop(fresh);
        drop(uploaded(&cuda, &[7.0; 1000])?);
    }
    Ok(())
}

#[test]
fn what_is_copied_is_read_back() -> Result<()> {
    let Some(cuda) = cuda_or_skip("what_is_copied_is_read_back") else {
        return Ok(());
    };
    let values: Vec<f32> = (0..1000_u16).map(f32::from).collect();
    let from = uploaded(&cuda, &values)?;
    let mut to = cuda.alloc(1000)?;
    cuda.copy(Cuda::view(&from, 400).skip(100), Cuda::view_mut(&mut to, 700).skip(400))?;
    let got = downloaded(&cuda, &to)?;
    assert_eq!(got[400..700], values[100..400]);
    assert!(got[..400].iter().chain(&got[700..]).all(|value| *value == 0.0));

    let wrong = cuda.copy(Cuda::view(&from, 3), Cuda::view_mut(&mut to, 4));
    assert_eq!(wrong, Err(Error::Length { what: "copy", expected: 4, got: 3 }));
    Ok(())
}

#[test]
fn what_is_cleared_is_zero_and_nothing_beside_it() -> Result<()> {
    let Some(cuda) = cuda_or_skip("what_is_cleared_is_zero_and_nothing_beside_it") else {
        return Ok(());
    };
    let mut buffer = uploaded(&cuda, &[7.0; 10])?;
    cuda.clear(Cuda::view_mut(&mut buffer, 7).skip(3))?;
    cuda.clear(Cuda::view_mut(&mut buffer, 0))?;
    assert_eq!(downloaded(&cuda, &buffer)?, [7.0, 7.0, 7.0, 0.0, 0.0, 0.0, 0.0, 7.0, 7.0, 7.0]);
    Ok(())
}

#[test]
fn nothing_takes_no_memory_and_no_call() -> Result<()> {
    let Some(cuda) = cuda_or_skip("nothing_takes_no_memory_and_no_call") else {
        return Ok(());
    };
    let empty = cuda.alloc::<f32>(0)?;
    assert_eq!((empty.address(), empty.len()), (0, 0));
    assert_eq!(downloaded(&cuda, &empty)?, []);
    let units = cuda.alloc::<()>(9)?;
    assert_eq!((units.address(), cuda.download(Cuda::view(&units, 9))?.len()), (0, 9));
    assert_eq!(cuda.peak_bytes(), 0);
    Ok(())
}

#[test]
fn every_byte_is_counted_and_counted_apart() -> Result<()> {
    let Some(cuda) = cuda_or_skip("every_byte_is_counted_and_counted_apart") else {
        return Ok(());
    };
    let own = cuda.with_own_memory();
    let first = cuda.alloc::<f64>(10)?;
    let second = cuda.clone().reserve::<u8>(20)?;
    assert_eq!((cuda.live_bytes(), own.live_bytes()), (100, 0));
    drop(first);
    assert_eq!((cuda.live_bytes(), cuda.peak_bytes()), (20, 100));
    cuda.reset_peak();
    drop(second);
    assert_eq!((cuda.live_bytes(), cuda.peak_bytes()), (0, 20));
    Ok(())
}

#[test]
fn a_buffer_moves_between_threads() -> Result<()> {
    let Some(cuda) = cuda_or_skip("a_buffer_moves_between_threads") else {
        return Ok(());
    };
    let clone = cuda.clone();
    let worker = std::thread::spawn(move || uploaded(&clone, &[1.0, 2.0, 3.0]));
    let buffer = worker.join().expect("the worker ends")?;
    assert_eq!(downloaded(&cuda, &buffer)?, [1.0, 2.0, 3.0]);
    std::thread::spawn(move || drop(buffer)).join().expect("a thread that never used the device");
    cuda.synchronize()?;
    assert_eq!(cuda.live_bytes(), 0);
    Ok(())
}

#[test]
fn somebody_elses_memory_is_seen_and_written() -> Result<()> {
    let Some(cuda) = cuda_or_skip("somebody_elses_memory_is_seen_and_written") else {
        return Ok(());
    };
    let buffer = uploaded(&cuda, &[1.0, 2.0, 3.0, 4.0])?;
    // SAFETY: the elements are those of `buffer`, which outlives the views; no view overlaps another
    // that is written.
    let (from, to) = unsafe {
        (cuda.wrap::<f32>(buffer.address(), 2)?, cuda.wrap_mut::<f32>(buffer.address() + 8, 2)?)
    };
    cuda.copy(from, to)?;
    assert_eq!(downloaded(&cuda, &buffer)?, [1.0, 2.0, 1.0, 2.0]);

    let odd = buffer.address() + 2;
    // SAFETY: refused, so that there is no view.
    let refused = unsafe { cuda.wrap::<f32>(odd, 1) };
    assert_eq!(refused.err(), Some(CudaError::Unaligned { address: odd, alignment: 4 }));
    let on_the_host = [0.0_f32; 4];
    let address = on_the_host.as_ptr().addr() as u64;
    // SAFETY: refused, so that there is no view.
    let refused = unsafe { cuda.wrap::<f32>(address, 4) };
    assert_eq!(refused.err(), Some(CudaError::NotDeviceMemory { address }));
    // SAFETY: refused, so that there is no view.
    let refused = unsafe { cuda.wrap::<f32>(buffer.address(), usize::MAX) };
    assert_eq!(refused.err(), Some(CudaError::TooLarge { len: usize::MAX, size: 4 }));
    Ok(())
}

#[test]
fn a_users_stream_is_used_and_left_alone() -> Result<()> {
    let Some(driver) = driver_or_skip("a_users_stream_is_used_and_left_alone") else {
        return Ok(());
    };
    for _ in 0..2 {
        // SAFETY: null is the default stream, which is never destroyed.
        let cuda = unsafe { Cuda::on_stream(0, std::ptr::null_mut()) }?;
        let buffer = uploaded(&cuda, &[5.0])?;
        assert_eq!(downloaded(&cuda, &buffer)?, [5.0]);
        assert_eq!(*cuda.device_info(), driver.devices[0]);
    }
    Ok(())
}

#[test]
fn more_than_there_is_is_refused_with_what_is_free() -> Result<()> {
    let Some(cuda) = cuda_or_skip("more_than_there_is_is_refused_with_what_is_free") else {
        return Ok(());
    };
    let total = usize::try_from(cuda.device_info().memory_bytes).expect("64 bits");
    let own = cuda.with_own_memory();
    let some = own.alloc::<u8>(1 << 20)?;
    for bytes in [total, total + 1, usize::MAX] {
        match cuda.alloc::<u8>(bytes) {
            Err(Error::OutOfMemory { bytes: asked, free: Some(free) }) => {
                assert_eq!(asked, bytes);
                assert!(free <= total - some.len(), "{free} of {total}");
            }
            other => panic!("{bytes} bytes: {other:?}"),
        }
    }
    assert_eq!(cuda.live_bytes(), 0);
    let small = uploaded(&cuda, &[1.0])?;
    assert_eq!(downloaded(&cuda, &small)?, [1.0]);
    Ok(())
}

#[test]
fn memory_of_another_device_is_refused() -> Result<()> {
    let test = "memory_of_another_device_is_refused";
    let Some(driver) = driver_or_skip(test) else {
        return Ok(());
    };
    if driver.devices.len() < 2 {
        driver::skipped(test, "it takes two devices");
        return Ok(());
    }
    let (here, there) = (Cuda::open(0)?, Cuda::open(1)?);
    let mut own = here.alloc::<f32>(4)?;
    let mut foreign = there.alloc::<f32>(4)?;
    let wrong = |what| Error::WrongDevice { what, expected: 0, got: 1 };
    let copied = here.copy(Cuda::view(&foreign, 4), Cuda::view_mut(&mut own, 4));
    assert_eq!(copied, Err(wrong("copy's source")));
    assert_eq!(here.download(Cuda::view(&foreign, 4)), Err(wrong("download")));
    let cleared = here.clear(Cuda::view_mut(&mut foreign, 4)).map_err(Error::from);
    assert_eq!(cleared, Err(wrong("memory to clear")));
    // SAFETY: refused, so that there is no view.
    let wrapped = unsafe { here.wrap::<f32>(foreign.address(), 4) };
    let expected = CudaError::WrongDevice { what: "wrapped memory", expected: 0, got: 1 };
    assert_eq!(wrapped.err(), Some(expected));
    Ok(())
}

/// The context current to this thread, null for none.
fn current() -> CUcontext {
    let mut context = std::ptr::null_mut();
    // SAFETY: `context` outlives the call; an opened device means that the driver is there.
    let result = unsafe { cuCtxGetCurrent(&mut context) };
    assert_eq!(result, CUresult::CUDA_SUCCESS);
    context
}

#[test]
fn what_somebody_else_made_current_is_put_back() -> Result<()> {
    let test = "what_somebody_else_made_current_is_put_back";
    let Some(driver) = driver_or_skip(test) else {
        return Ok(());
    };
    if driver.devices.len() < 2 {
        driver::skipped(test, "it takes two devices");
        return Ok(());
    }
    let first = Cuda::open(0)?;
    let own = current();
    assert!(!own.is_null());
    let second = Cuda::open(1)?;
    let buffer = uploaded(&second, &[1.0])?;
    assert_eq!(downloaded(&second, &buffer)?, [1.0]);
    drop(buffer);
    assert_eq!(current(), own);
    assert_eq!(downloaded(&first, &uploaded(&first, &[2.0])?)?, [2.0]);
    assert_eq!(current(), own);
    Ok(())
}

#[test]
fn work_is_timed_on_the_device() -> Result<()> {
    let Some(cuda) = cuda_or_skip("work_is_timed_on_the_device") else {
        return Ok(());
    };
    let (buffer, time) = cuda.time(|| cuda.alloc::<u8>(1 << 20))?;
    assert!(time < Duration::from_secs(10), "{time:?}");
    assert_eq!(buffer.len(), 1 << 20);
    let refused = cuda.time(|| Err::<(), _>(Error::NoSharedBuffer));
    assert_eq!(refused, Err(Error::NoSharedBuffer));
    Ok(())
}

// One test, since both parts look at all of the device's memory.
#[test]
fn what_was_freed_is_found_again() -> Result<()> {
    let Some(cuda) = cuda_or_skip("what_was_freed_is_found_again") else {
        return Ok(());
    };
    drop(cuda.alloc::<u8>(64 << 20)?);
    cuda.release()?;
    let (free, total) = cuda.free_and_total_memory()?;
    assert!(free <= total);
    let kept = cuda.alloc::<u8>(64 << 20)?;
    cuda.synchronize()?;
    let (left, _) = cuda.free_and_total_memory()?;
    assert!(left < free, "{left} of {free} after {} bytes", kept.len());
    drop(kept);

    // Two of these do not fit: where the pool still holds the first, it is made to give it back.
    let most = free / 5 * 3;
    for bytes in [most, most - (1 << 20), most - (8 << 20)] {
        drop(cuda.reserve::<u8>(bytes)?);
    }
    cuda.release()?;
    Ok(())
}

/// Little enough for a test to use all of it.
const MEMORY: (&str, &str) = ("PRELU_MEM_SHIM_MEMORY", "268435456");

#[test]
fn on_the_shim() {
    driver::on_the_shim(&[MEMORY]);
}

#[test]
fn on_the_shim_with_two_devices_that_are_late() {
    driver::on_the_shim(&[MEMORY, ("PRELU_MEM_SHIM_DEVICES", "2"), ("PRELU_MEM_SHIM_LATE", "1")]);
}
