//! The listener, asked by real clients.

use super::*;
use test_case::test_case;

fn server() -> (SocketAddr, MetricsServer) {
    let socket = MetricsSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.address().unwrap();
    (address, socket.serve(|| "sallyport_up 1\n".to_owned()).unwrap())
}

/// Sends bytes and reads until the server closes.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn get_metrics() {
    let (address, _server) = server();
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: box\r\n\r\n");
    assert_eq!(
        answer,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 15\r\n\
         Connection: close\r\n\r\nsallyport_up 1\n"
    );
}

#[test]
fn head_has_the_length_and_no_body() {
    let (address, _server) = server();
    let answer = ask(address, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("Content-Length: 15\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
}

#[test_case("GET /metrics?name=a HTTP/1.1\r\n\r\n", 200; "a query is ignored")]
#[test_case("GET /metrics HTTP/1.0\r\n\r\n", 200; "http 1.0")]
#[test_case("GET / HTTP/1.1\r\n\r\n", 404; "root")]
#[test_case("GET /metrics/ HTTP/1.1\r\n\r\n", 404; "not quite it")]
#[test_case("POST / HTTP/1.1\r\n\r\n", 404; "post elsewhere")]
#[test_case("POST /metrics HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405; "post")]
#[test_case("DELETE /metrics HTTP/1.1\r\n\r\n", 405; "delete")]
#[test_case("\u{0}\u{1}\u{2} nonsense\r\n\r\n", 400; "nonsense")]
#[test_case("GET /metrics HTTP/3\r\n\r\n", 400; "another version")]
fn statuses(request: &str, status: u16) {
    let (address, _server) = server();
    let answer = ask(address, request.as_bytes());
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
}

#[test]
fn a_request_over_8_kib_is_refused() {
    let (address, _server) = server();
    let padding = "x".repeat(9000);
    let answer = ask(address, format!("GET /metrics HTTP/1.1\r\nX: {padding}\r\n\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[test]
fn a_request_that_never_ends_is_cut_after_5_s() {
    let (address, _server) = server();
    let start = now();
    let answer = ask(address, b"GET /metrics HTTP/1.1\r\n");
    let took = now() - start;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!((4..8).contains(&took.as_secs()), "{took:?}");
}

#[test]
fn the_ninth_is_turned_away_and_a_place_comes_free() {
    let (address, _server) = server();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    // The idle connections are accepted in order before this one.
    let answer = ask(address, b"");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    drop(idle);
    let deadline = now() + Duration::from_secs(10);
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        let mut answer = String::new();
        let asked = stream
            .write_all(b"GET /metrics HTTP/1.1\r\n\r\n")
            .and_then(|()| stream.read_to_string(&mut answer));
        if asked.is_ok() && answer.starts_with("HTTP/1.1 200 ") {
            return;
        }
        assert!(now() < deadline, "no place came free: {answer}");
    }
}

#[test]
fn a_taken_address_is_named() {
    let (address, server) = server();
    let error = MetricsSocket::bind(address).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("another program"), "{error}");
    drop(server);
    MetricsSocket::bind(address).unwrap();
}
