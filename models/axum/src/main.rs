//! Items with owners, served over HTTP and stored in DynamoDB.
//!
//! `items racy` reads an item, decides, and acts in a second call; `items fixed` decides in the call that acts.

mod answer;
mod fixed;
mod racy;
mod store;

use aws_sdk_dynamodb::Client;
use axum::Router;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let variant = arguments.next().expect("racy or fixed");
    let address = arguments.next().expect("an address to listen on, such as 127.0.0.1:3000");
    // Endpoint, region and credentials come from the environment, which is how the checker intercepts the calls.
    let config = aws_config::from_env()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    let routes: Router<Client> = match variant.as_str() {
        "racy" => racy::routes(),
        "fixed" => fixed::routes(),
        other => panic!("there is no variant {other}; choose racy or fixed"),
    };
    let listener = tokio::net::TcpListener::bind(&address).await.expect("the address is free");
    axum::serve(listener, routes.with_state(Client::new(&config))).await.expect("serving");
}
