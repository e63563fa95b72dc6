//! What all sockets have in common, written once: methods, conversions, reading and writing.
//!
//! Each type is a `struct` with one field, `socket: Arc<Source<S>>`, where `S` is std's type.

/// `try_clone`, `take_error`, `set_nonblocking`, the deadlines and `close`. `$setup` makes a `socket` in the examples.
macro_rules! handle_methods {
    ($type:ident, $setup:literal) => {
        impl $type {
            /// Another handle to the same socket, with the same time-outs and deadlines.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            #[doc = $setup]
            /// let other = socket.try_clone()?;
            /// other.close();
            /// assert!(socket.try_clone().is_err());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn try_clone(&self) -> std::io::Result<Self> {
                self.socket.get()?;
                let socket = std::sync::Arc::clone(&self.socket);
                Ok(Self { socket })
            }

            /// Takes the socket's pending error.
            ///
            /// # Errors
            /// The system's; `NotConnected` after `close`.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                socket2::SockRef::from(self.socket.get()?).take_error()
            }

            /// Whether operations fail with `WouldBlock` instead of waiting.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            #[doc = $setup]
            /// socket.set_nonblocking(true)?;
            /// assert!(socket.take_error()?.is_none());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_nonblocking(&self, nonblocking: bool) -> std::io::Result<()> {
                self.socket.set_nonblocking(nonblocking)
            }

            /// From this moment on what reads, receives or accepts fails with `TimedOut`, also if it
            /// waits already. Go's `SetReadDeadline`.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            /// use std::time::{Duration, Instant};
            ///
            #[doc = $setup]
            /// // For all that is to come, however many operations that takes.
            /// socket.set_read_deadline(Some(Instant::now() + Duration::from_secs(30)))?;
            /// socket.set_write_deadline(Some(Instant::now() + Duration::from_secs(5)))?;
            /// socket.set_deadline(None)?;
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_read_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                let direction = gort_runtime::Direction::Read;
                self.socket.set_deadline(direction, deadline)
            }

            /// From this moment on what writes or sends fails with `TimedOut`, also if it waits
            /// already. Go's `SetWriteDeadline`. A listener does neither: without effect there.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            pub fn set_write_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                let direction = gort_runtime::Direction::Write;
                self.socket.set_deadline(direction, deadline)
            }

            /// Sets both deadlines. Go's `SetDeadline`.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            pub fn set_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.set_read_deadline(deadline)?;
                self.set_write_deadline(deadline)
            }

            /// Ends the socket. Whoever waits, by any handle, is woken; operations fail from now
            /// on. Go's `Close`.
            ///
            /// # Examples
            /// ```
            #[doc = $setup]
            /// socket.close();
            /// assert!(socket.take_error().is_err());
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn close(&self) {
                self.socket.close();
            }
        }
    };
}

/// std's time-outs.
macro_rules! timeout_methods {
    ($type:ident, $setup:literal) => {
        impl $type {
            /// How long what reads or receives may take from now on, from its call's beginning; `None`:
            /// as long as it takes.
            ///
            /// # Errors
            /// `InvalidInput` for a time of nothing; `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            /// use std::time::Duration;
            ///
            #[doc = $setup]
            /// let limit = Some(Duration::from_secs(30));
            /// socket.set_read_timeout(limit)?;
            /// socket.set_write_timeout(limit)?;
            /// assert_eq!((socket.read_timeout()?, socket.write_timeout()?), (limit, limit));
            /// # Ok::<(), std::io::Error>(())
            /// ```
            pub fn set_read_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                let direction = gort_runtime::Direction::Read;
                self.socket.set_timeout(direction, timeout)
            }

            /// How long what writes or sends may take from now on; `None`: as long as it takes.
            ///
            /// # Errors
            /// `InvalidInput` for a time of nothing; `NotConnected` after `close`.
            pub fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                let direction = gort_runtime::Direction::Write;
                self.socket.set_timeout(direction, timeout)
            }

            /// How long what reads or receives may take.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.socket.timeout(gort_runtime::Direction::Read)
            }

            /// How long what writes or sends may take.
            ///
            /// # Errors
            /// `NotConnected` after `close`.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.socket.timeout(gort_runtime::Direction::Write)
            }
        }
    };
}

/// To and from std's type `$std` and descriptors, and how it is shown.
macro_rules! handle_conversions {
    ($type:ident, $std:ty) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.socket.inner().fmt(f)
            }
        }

        impl std::os::fd::AsFd for $type {
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.socket.inner().as_fd()
            }
        }

        impl std::os::fd::AsRawFd for $type {
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.socket.inner().as_raw_fd()
            }
        }

        /// std's socket, which does not block from now on.
        impl From<$std> for $type {
            #[track_caller]
            fn from(inner: $std) -> Self {
                let socket = crate::io::source::Source::from_std(inner);
                Self { socket }
            }
        }

        /// A socket that blocks, unless it came as one that does not, or there are other handles.
        impl From<$type> for $std {
            #[track_caller]
            fn from(handle: $type) -> Self {
                handle.socket.into_std()
            }
        }

        /// As from std's socket.
        impl From<std::os::fd::OwnedFd> for $type {
            #[track_caller]
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                <$std>::from(fd).into()
            }
        }

        /// As into std's socket.
        impl From<$type> for std::os::fd::OwnedFd {
            #[track_caller]
            fn from(handle: $type) -> Self {
                <$std>::from(handle).into()
            }
        }

        /// As from std's socket.
        impl std::os::fd::FromRawFd for $type {
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: the trait's clause: `fd` is open, and the caller gives it away.
                unsafe { <$std as std::os::fd::FromRawFd>::from_raw_fd(fd) }.into()
            }
        }

        /// As into std's socket.
        impl std::os::fd::IntoRawFd for $type {
            #[track_caller]
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                <$std>::from(self).into_raw_fd()
            }
        }
    };
}

/// `Read` and `Write`, also by reference. An empty buffer is `Ok(0)` at once.
macro_rules! stream_io {
    ($type:ident) => {
        impl std::io::Read for &$type {
            #[track_caller]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.read(buf)
            }

            #[track_caller]
            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.socket.read_vectored(bufs)
            }
        }

        impl std::io::Write for &$type {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.socket.write(buf)
            }

            #[track_caller]
            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.socket.write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }

        impl std::io::Read for $type {
            #[track_caller]
            fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
                self.socket.read(buf)
            }

            #[track_caller]
            fn read_vectored(
                &mut self,
                bufs: &mut [std::io::IoSliceMut<'_>],
            ) -> std::io::Result<usize> {
                self.socket.read_vectored(bufs)
            }
        }

        impl std::io::Write for $type {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
                self.socket.write(buf)
            }

            #[track_caller]
            fn write_vectored(&mut self, bufs: &[std::io::IoSlice<'_>]) -> std::io::Result<usize> {
                self.socket.write_vectored(bufs)
            }

            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
    };
}

pub(super) use {handle_conversions, handle_methods, stream_io, timeout_methods};
