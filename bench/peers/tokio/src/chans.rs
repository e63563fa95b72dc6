//! Traits for the ends of a channel, implemented for the three crates whose channels are measured.

pub(super) trait Tx: Send + Sync + Clone + 'static {
    fn put(&self, v: u64) -> impl Future<Output = bool> + Send;
}

pub(super) trait Rx: Send + 'static {
    fn get(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

impl Tx for tokio::sync::mpsc::Sender<u64> {
    #[inline]
    async fn put(&self, v: u64) -> bool {
        self.send(v).await.is_ok()
    }
}

impl Rx for tokio::sync::mpsc::Receiver<u64> {
    #[inline]
    fn get(&mut self) -> impl Future<Output = Option<u64>> + Send {
        self.recv()
    }
}

impl Tx for tokio::sync::mpsc::UnboundedSender<u64> {
    #[inline]
    async fn put(&self, v: u64) -> bool {
        self.send(v).is_ok()
    }
}

impl Rx for tokio::sync::mpsc::UnboundedReceiver<u64> {
    #[inline]
    fn get(&mut self) -> impl Future<Output = Option<u64>> + Send {
        self.recv()
    }
}

impl Tx for flume::Sender<u64> {
    #[inline]
    async fn put(&self, v: u64) -> bool {
        self.send_async(v).await.is_ok()
    }
}

impl Rx for flume::Receiver<u64> {
    #[inline]
    async fn get(&mut self) -> Option<u64> {
        self.recv_async().await.ok()
    }
}

impl Tx for async_channel::Sender<u64> {
    #[inline]
    async fn put(&self, v: u64) -> bool {
        self.send(v).await.is_ok()
    }
}

impl Rx for async_channel::Receiver<u64> {
    #[inline]
    async fn get(&mut self) -> Option<u64> {
        self.recv().await.ok()
    }
}
