//! Fixed: the call that acts is conditional on everything its handler relies on.
//!
//! The item returned by a failed condition distinguishes 403 from 404.  An update after a read is also conditional on the
//! version read, and returns 409 if that has changed, so that its client can read and decide again.

use crate::answer::{failed, Caller, Refusal};
use crate::racy;
use crate::store::{number, read_own, text, Edit, Transfer, TABLE};
use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, update_item::UpdateItemError},
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure::AllOld},
    Client,
};
use axum::{
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
    Json, Router,
};
use std::collections::HashMap;

pub fn routes() -> Router<Client> {
    Router::new()
        .route("/items/{id}", get(racy::get_item).put(update_item).delete(delete_item))
        .route("/items/{id}/transfer", post(transfer))
}

async fn delete_item(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller,
) -> Result<StatusCode, Refusal> {
    let deleted = client
        .delete_item()
        .table_name(TABLE)
        .key("item_id", text(&id))
        .condition_expression("attribute_exists(item_id) AND #owner = :caller")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":caller", text(&caller))
        .return_values_on_condition_check_failure(AllOld)
        .send()
        .await;
    match deleted.map_err(|fault| fault.into_service_error()) {
        Ok(_) => Ok(StatusCode::NO_CONTENT),
        Err(DeleteItemError::ConditionalCheckFailedException(failure)) => Err(missing_or_not_yours(failure.item())),
        Err(fault) => Err(failed(fault)),
    }
}

async fn update_item(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller, Json(edit): Json<Edit>,
) -> Result<StatusCode, Refusal> {
    let seen = read_own(&client, &id, &caller).await?;
    let updated = client
        .update_item()
        .table_name(TABLE)
        .key("item_id", text(&id))
        .update_expression("SET #data = :data, #version = #version + :one")
        .condition_expression("#owner = :caller AND #version = :seen")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_names("#data", "data")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":caller", text(&caller))
        .expression_attribute_values(":seen", number(&seen.version))
        .expression_attribute_values(":data", text(&edit.data))
        .expression_attribute_values(":one", number("1"))
        .send()
        .await;
    match updated.map_err(|fault| fault.into_service_error()) {
        Ok(_) => Ok(StatusCode::OK),
        Err(fault) if fault.is_conditional_check_failed_exception() => Err(Refusal::Changed),
        Err(fault) => Err(failed(fault)),
    }
}

async fn transfer(
    State(client): State<Client>, Path(id): Path<String>, Caller(caller): Caller, Json(transfer): Json<Transfer>,
) -> Result<StatusCode, Refusal> {
    let transferred = client
        .update_item()
        .table_name(TABLE)
        .key("item_id", text(&id))
        .update_expression("SET #owner = :to, #version = #version + :one")
        .condition_expression("attribute_exists(item_id) AND #owner = :caller")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_names("#version", "version")
        .expression_attribute_values(":to", text(&transfer.to))
        .expression_attribute_values(":caller", text(&caller))
        .expression_attribute_values(":one", number("1"))
        .return_values_on_condition_check_failure(AllOld)
        .send()
        .await;
    match transferred.map_err(|fault| fault.into_service_error()) {
        Ok(_) => Ok(StatusCode::OK),
        Err(UpdateItemError::ConditionalCheckFailedException(failure)) => Err(missing_or_not_yours(failure.item())),
        Err(fault) => Err(failed(fault)),
    }
}

fn missing_or_not_yours(stored: Option<&HashMap<String, AttributeValue>>) -> Refusal {
    match stored {
        Some(_) => Refusal::NotYours,
        None => Refusal::NotFound,
    }
}
