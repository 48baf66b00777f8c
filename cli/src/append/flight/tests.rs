use walx::ErrorKind;

use super::*;

#[tokio::test]
async fn appends_land_in_order_and_give_their_room_back() {
    let wal = walx::open("memory:", "orders").await.unwrap();
    let mut flight = Flight::new(3, 1_000);
    for tag in 0..3 {
        assert!(flight.has_room());
        flight.append(&*wal, Message::new("x"), tag).unwrap();
    }
    assert!(!flight.has_room());
    let mut tags = Vec::new();
    while !flight.is_empty() {
        for (tag, place) in flight.landed().await {
            assert_eq!(place.unwrap().lsn.get(), tag);
            tags.push(tag);
        }
    }
    assert_eq!(tags, [0, 1, 2]);
    assert!(flight.has_room());
    wal.close().await.unwrap();
}

#[tokio::test]
async fn bytes_are_bounded_and_one_that_is_larger_than_the_bound_goes_alone() {
    let wal = walx::open("memory:", "orders").await.unwrap();
    let mut flight = Flight::new(100, 10);
    flight
        .append(&*wal, Message::new(vec![0; 4096]), ())
        .unwrap();
    assert!(!flight.has_room());
    assert_eq!(flight.landed().await.len(), 1);
    assert!(flight.has_room());
    wal.close().await.unwrap();
}

#[tokio::test]
async fn what_the_wal_refuses_is_known_at_the_call() {
    let wal = walx::open("memory:?max_record=1KiB", "orders")
        .await
        .unwrap();
    let mut flight = Flight::new(100, 1 << 20);
    let error = flight
        .append(&*wal, Message::new(vec![0; 2048]), ())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert!(flight.is_empty());
    wal.close().await.unwrap();
    assert_eq!(
        flight
            .append(&*wal, Message::new("x"), ())
            .unwrap_err()
            .kind(),
        ErrorKind::Closed
    );
}
