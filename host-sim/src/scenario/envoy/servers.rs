//! The model servers of a scenario, on sockets.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;
use tokio::time::Instant;

use crate::scenario::observation::{Exchange, MARK, Received};
use crate::scenario::sim;
use crate::scenario::{Endpoints, Scenario};
use crate::upstream::UpstreamServer;

/// A server for each endpoint of each cluster.
#[derive(Default)]
pub struct Servers {
    running: Vec<(String, UpstreamServer)>,
    /// Kept, so that their ports stay taken.
    closed: Vec<TcpSocket>,
}

impl Servers {
    /// Starts one for the endpoint at this place of `cluster`, and gives its address.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(
        &mut self,
        scenario: &Scenario,
        cluster: &str,
        place: usize,
    ) -> std::io::Result<SocketAddr> {
        match scenario.endpoint(cluster, place) {
            Endpoints::Scripted(script) => {
                let server = UpstreamServer::start(script).await?;
                let address = server.address();
                self.running.push((cluster.to_owned(), server));
                Ok(address)
            }
            Endpoints::Down => {
                let (socket, address) = closed_port()?;
                self.closed.push(socket);
                Ok(address)
            }
        }
    }

    /// Gives every request that a server received to the exchange it belongs to; those of no
    /// exchange come back.
    pub fn attribute(&self, scenario: &Scenario, exchanges: &mut [Exchange]) -> Vec<Received> {
        let mut all: Vec<(Instant, String, crate::upstream::Received)> = self
            .running
            .iter()
            .flat_map(|(cluster, server)| {
                server
                    .received()
                    .into_iter()
                    .map(|seen| (server.started() + seen.at, cluster.clone(), seen))
            })
            .collect();
        all.sort_by_key(|(at, ..)| *at);
        let mut others = Vec::new();
        for (_, cluster, received) in all {
            let number = received.header_text(MARK).and_then(|mark| mark.parse::<usize>().ok());
            let received = sim::observed(cluster, received);
            let exchange = exchanges.iter_mut().find(|exchange| {
                Some(scenario.exchange_number(exchange.step, exchange.round)) == number
            });
            match exchange {
                Some(exchange) => exchange.upstream.push(received),
                None => others.push(received),
            }
        }
        others
    }

    /// How many requests are still being answered.
    #[must_use]
    pub fn open_streams(&self) -> usize {
        self.running.iter().map(|(_, server)| server.open_streams()).sum()
    }
}

/// A socket that is bound and does not listen: connections are refused, and as long as it is kept
/// nobody else gets the port. A port that was merely free a moment ago can become a listener of the
/// very proxy that is to find it closed.
fn closed_port() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_is_down_refuses_and_keeps_its_port() {
        let (socket, address) = closed_port().unwrap();
        let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        assert!(std::net::TcpListener::bind(address).is_err(), "the port is taken");
        drop(socket);
    }
}
