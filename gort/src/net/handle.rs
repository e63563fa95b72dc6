//! What all sockets share: methods, conversions, reading and writing.
//!
//! Each socket type is a `struct` with one field, `socket: Arc<Source<S>>`, where `S` is std's
//! type.

/// Defines `try_clone`, `take_error`, `set_nonblocking`, the deadlines and `close`. `$setup`
/// creates a `socket` in the examples.
macro_rules! handle_methods {
    ($type:ident, $setup:literal) => {
        impl $type {
            /// Returns another handle to the same socket, with the same time-outs and deadlines.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
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

            /// Returns the socket's pending error, and clears it.
            ///
            /// # Errors
            /// Returns the system's error, or `NotConnected` after `close`.
            pub fn take_error(&self) -> std::io::Result<Option<std::io::Error>> {
                socket2::SockRef::from(self.socket.get()?).take_error()
            }

            /// Sets whether operations fail with `WouldBlock` instead of waiting.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
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

            /// Sets the moment from which operations that read, receive or accept fail with
            /// `TimedOut`, including those that already wait. `None` removes it. Go's
            /// `SetReadDeadline`.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
            ///
            /// # Examples
            /// ```
            /// use std::time::{Duration, Instant};
            ///
            #[doc = $setup]
            /// // Limits all reads together, however many there are.
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

            /// Sets the moment from which operations that write or send fail with `TimedOut`,
            /// including those that already wait. `None` removes it. It has no effect on a
            /// listener. Go's `SetWriteDeadline`.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
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
            /// Returns `NotConnected` after `close`.
            pub fn set_deadline(
                &self,
                deadline: Option<std::time::Instant>,
            ) -> std::io::Result<()> {
                self.set_read_deadline(deadline)?;
                self.set_write_deadline(deadline)
            }

            /// Closes the socket. Wakes all goroutines that wait for it through any handle. From
            /// then on operations fail. Go's `Close`.
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

/// Defines std's time-outs.
macro_rules! timeout_methods {
    ($type:ident, $setup:literal) => {
        impl $type {
            /// Sets how long each later operation that reads or receives may take. With `None`
            /// there is no limit.
            ///
            /// # Errors
            /// Returns `InvalidInput` if the duration is zero, or `NotConnected` after `close`.
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

            /// Sets how long each later operation that writes or sends may take. With `None` there
            /// is no limit.
            ///
            /// # Errors
            /// Returns `InvalidInput` if the duration is zero, or `NotConnected` after `close`.
            pub fn set_write_timeout(
                &self,
                timeout: Option<std::time::Duration>,
            ) -> std::io::Result<()> {
                let direction = gort_runtime::Direction::Write;
                self.socket.set_timeout(direction, timeout)
            }

            /// Returns how long an operation that reads or receives may take.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
            pub fn read_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.socket.timeout(gort_runtime::Direction::Read)
            }

            /// Returns how long an operation that writes or sends may take.
            ///
            /// # Errors
            /// Returns `NotConnected` after `close`.
            pub fn write_timeout(&self) -> std::io::Result<Option<std::time::Duration>> {
                self.socket.timeout(gort_runtime::Direction::Write)
            }
        }
    };
}

/// Defines `Debug`, and the conversions to and from std's type `$std` and descriptors.
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

        /// Takes over std's socket, which is non-blocking from then on.
        impl From<$std> for $type {
            #[track_caller]
            fn from(inner: $std) -> Self {
                let socket = crate::io::source::Source::from_std(inner);
                Self { socket }
            }
        }

        /// Returns a socket that blocks, unless it was non-blocking when gort took it over, or
        /// other handles exist.
        impl From<$type> for $std {
            #[track_caller]
            fn from(handle: $type) -> Self {
                handle.socket.into_std()
            }
        }

        /// Like the conversion from std's socket.
        impl From<std::os::fd::OwnedFd> for $type {
            #[track_caller]
            fn from(fd: std::os::fd::OwnedFd) -> Self {
                <$std>::from(fd).into()
            }
        }

        /// Like the conversion to std's socket.
        impl From<$type> for std::os::fd::OwnedFd {
            #[track_caller]
            fn from(handle: $type) -> Self {
                <$std>::from(handle).into()
            }
        }

        /// Like the conversion from std's socket.
        impl std::os::fd::FromRawFd for $type {
            unsafe fn from_raw_fd(fd: std::os::fd::RawFd) -> Self {
                // SAFETY: by the trait's contract `fd` is open, and the caller gives up its
                // ownership.
                unsafe { <$std as std::os::fd::FromRawFd>::from_raw_fd(fd) }.into()
            }
        }

        /// Like the conversion to std's socket.
        impl std::os::fd::IntoRawFd for $type {
            #[track_caller]
            fn into_raw_fd(self) -> std::os::fd::RawFd {
                <$std>::from(self).into_raw_fd()
            }
        }
    };
}

/// Defines `Read` and `Write`, also for references. An empty buffer returns `Ok(0)` at once.
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
